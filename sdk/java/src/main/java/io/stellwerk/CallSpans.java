package io.stellwerk;

import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.ClientCall;
import io.grpc.ClientInterceptor;
import io.grpc.MethodDescriptor;
import io.opentelemetry.api.OpenTelemetry;
import io.opentelemetry.instrumentation.grpc.v1_6.GrpcTelemetry;
import io.stellwerk.v1.WorkerServiceGrpc;

/**
 * The spans of unary calls by OpenTelemetry's own instrumentation; loaded only where something is traced. Must not tell of
 * streams, which are open for minutes, nor of polls, which mostly come back empty.
 */
final class CallSpans implements ClientInterceptor {
    private static final String POLL = WorkerServiceGrpc.getPollTaskMethod().getFullMethodName();

    private final ClientInterceptor traced;

    /** Throws LinkageError where the instrumentation is not on the class path. */
    CallSpans(OpenTelemetry telemetry) {
        traced = GrpcTelemetry.create(telemetry).createClientInterceptor();
    }

    @Override
    public <Q, A> ClientCall<Q, A> interceptCall(MethodDescriptor<Q, A> method, CallOptions options, Channel next) {
        boolean told = method.getType() == MethodDescriptor.MethodType.UNARY
                && !method.getFullMethodName().equals(POLL);
        return told ? traced.interceptCall(method, options, next) : next.newCall(method, options);
    }
}
