package io.stellwerk;

import io.grpc.CallOptions;
import io.grpc.ClientCall;
import io.grpc.ManagedChannel;
import io.grpc.MethodDescriptor;
import io.grpc.stub.ClientCalls;
import io.grpc.stub.StreamObserver;
import io.opentelemetry.context.Context;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeUnit;

/**
 * A channel to a server and the ways calls are made on it; answers come in the loop. Must not decide what is sent again.
 */
final class Calls {
    static final Duration TIMEOUT = Duration.ofSeconds(15);

    private final Target target;
    private final ManagedChannel channel;

    Calls(Target target, Loop loop) {
        this(target, loop, null);
    }

    /** With the spans of unary calls; null: none. */
    Calls(Target target, Loop loop, Spans spans) {
        this.target = target;
        this.channel = target.open(loop, spans == null ? List.of() : spans.interceptors());
    }

    /** Is told once how a unary call ended: with an answer or with a problem, the other is null. */
    interface Answer<A> {
        void came(A answer, RequestError problem);
    }

    Target target() {
        return target;
    }

    ManagedChannel channel() {
        return channel;
    }

    /** Send a request; gives what cancels it. */
    <Q, A> ClientCall<Q, A> unary(MethodDescriptor<Q, A> method, Q request, Duration timeout, Answer<A> answer) {
        CallOptions options = CallOptions.DEFAULT.withDeadlineAfter(timeout.toMillis(), TimeUnit.MILLISECONDS);
        ClientCall<Q, A> call = channel.newCall(method, options);
        ClientCalls.asyncUnaryCall(call, request, new Single<>(answer));
        return call;
    }

    /** The server may be back: do not wait for the transport's own, far longer delay before it connects again. */
    void connectAgain() {
        channel.resetConnectBackoff();
    }

    /** The problem an error of the transport is. */
    RequestError problem(Throwable error) {
        return Statuses.of(error, target);
    }

    void close() {
        channel.shutdownNow();
    }

    private final class Single<A> implements StreamObserver<A> {
        private final Answer<A> answer;
        private A value;

        Single(Answer<A> answer) {
            this.answer = answer;
        }

        @Override
        public void onNext(A message) {
            value = message;
        }

        @Override
        public void onError(Throwable error) {
            if (value != null) { // cut between the answer and its end: what came has come
                onCompleted();
            } else {
                came(problem(error));
            }
        }

        @Override
        public void onCompleted() {
            came(null);
        }

        /** What an answer leads to is no part of the call: contexts of polls that follow each other would pile up. */
        private void came(RequestError problem) {
            Spans.within(Context.root(), () -> answer.came(problem == null ? value : null, problem));
        }
    }
}
