package io.stellwerk;

import io.grpc.CallOptions;
import io.grpc.MethodDescriptor;
import io.grpc.stub.ClientCallStreamObserver;
import io.grpc.stub.ClientCalls;
import io.grpc.stub.ClientResponseObserver;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One bidirectional stream kept alive: opened when there is something to say, opened again when it breaks. Must not know
 * what is said: a Talk decides that.
 */
final class Duplex<Q, A> {
    private static final Logger LOGGER = LoggerFactory.getLogger("stellwerk");

    private final Loop loop;
    private final Calls calls;
    private final MethodDescriptor<Q, A> method;
    private final Talk<Q, A> talk;
    private final Backoff backoff = new Backoff();
    private Conversation open;
    private boolean pausing;
    private boolean closed;

    Duplex(Loop loop, Calls calls, MethodDescriptor<Q, A> method, Talk<Q, A> talk) {
        this.loop = loop;
        this.calls = calls;
        this.method = method;
        this.talk = talk;
    }

    /** There is something to say; in the loop. */
    void wake() {
        if (open != null) {
            open.speak();
        } else if (!pausing && !closed) {
            converse();
        }
    }

    /** End the stream; nothing is sent any more. */
    void close() {
        closed = true;
        if (open != null) {
            open.requests.cancel("closed", null);
        }
    }

    private void converse() {
        pausing = false;
        if (closed) {
            return;
        }
        talk.restart();
        open = new Conversation();
        ClientCalls.asyncBidiStreamingCall(calls.channel().newCall(method, CallOptions.DEFAULT), open);
        open.speak();
    }

    private void ended(RequestError problem) {
        open = null;
        if (closed) {
            return;
        }
        if (problem != null) {
            LOGGER.info("{}: the stream broke, opening it again: {}", method.getBareMethodName(), problem.getMessage());
            talk.failed(problem);
        }
        if (talk.isBusy()) {
            pausing = true;
            loop.after(backoff.next(problem), () -> {
                calls.connectAgain();
                converse();
            });
        }
    }

    private final class Conversation implements ClientResponseObserver<Q, A> {
        private ClientCallStreamObserver<Q> requests;

        @Override
        public void beforeStart(ClientCallStreamObserver<Q> stream) {
            requests = stream;
            stream.setOnReadyHandler(this::speak);
        }

        void speak() {
            while (open == this && requests.isReady()) {
                Q message = talk.take();
                if (message == null) {
                    return;
                }
                requests.onNext(message);
            }
        }

        @Override
        public void onNext(A message) {
            backoff.reset();
            talk.receive(message);
        }

        @Override
        public void onError(Throwable error) {
            ended(calls.problem(error));
        }

        @Override
        public void onCompleted() {
            ended(null);
        }
    }
}
