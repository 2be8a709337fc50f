package io.stellwerk.v1;

import static io.grpc.MethodDescriptor.generateFullMethodName;

/**
 * <pre>
 * What a worker needs: tasks out, results in, and a line that shows it is alive.
 * </pre>
 */
@io.grpc.stub.annotations.GrpcGenerated
public final class WorkerServiceGrpc {

  private WorkerServiceGrpc() {}

  public static final java.lang.String SERVICE_NAME = "stellwerk.v1.WorkerService";

  // Static method descriptors that strictly reflect the proto.
  private static volatile io.grpc.MethodDescriptor<io.stellwerk.v1.PollTaskRequest,
      io.stellwerk.v1.PollTaskResponse> getPollTaskMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "PollTask",
      requestType = io.stellwerk.v1.PollTaskRequest.class,
      responseType = io.stellwerk.v1.PollTaskResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<io.stellwerk.v1.PollTaskRequest,
      io.stellwerk.v1.PollTaskResponse> getPollTaskMethod() {
    io.grpc.MethodDescriptor<io.stellwerk.v1.PollTaskRequest, io.stellwerk.v1.PollTaskResponse> getPollTaskMethod;
    if ((getPollTaskMethod = WorkerServiceGrpc.getPollTaskMethod) == null) {
      synchronized (WorkerServiceGrpc.class) {
        if ((getPollTaskMethod = WorkerServiceGrpc.getPollTaskMethod) == null) {
          WorkerServiceGrpc.getPollTaskMethod = getPollTaskMethod =
              io.grpc.MethodDescriptor.<io.stellwerk.v1.PollTaskRequest, io.stellwerk.v1.PollTaskResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "PollTask"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.stellwerk.v1.PollTaskRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.stellwerk.v1.PollTaskResponse.getDefaultInstance()))
              .setSchemaDescriptor(new WorkerServiceMethodDescriptorSupplier("PollTask"))
              .build();
        }
      }
    }
    return getPollTaskMethod;
  }

  private static volatile io.grpc.MethodDescriptor<io.stellwerk.v1.CompleteTaskRequest,
      io.stellwerk.v1.CompleteTaskResponse> getCompleteTaskMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "CompleteTask",
      requestType = io.stellwerk.v1.CompleteTaskRequest.class,
      responseType = io.stellwerk.v1.CompleteTaskResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<io.stellwerk.v1.CompleteTaskRequest,
      io.stellwerk.v1.CompleteTaskResponse> getCompleteTaskMethod() {
    io.grpc.MethodDescriptor<io.stellwerk.v1.CompleteTaskRequest, io.stellwerk.v1.CompleteTaskResponse> getCompleteTaskMethod;
    if ((getCompleteTaskMethod = WorkerServiceGrpc.getCompleteTaskMethod) == null) {
      synchronized (WorkerServiceGrpc.class) {
        if ((getCompleteTaskMethod = WorkerServiceGrpc.getCompleteTaskMethod) == null) {
          WorkerServiceGrpc.getCompleteTaskMethod = getCompleteTaskMethod =
              io.grpc.MethodDescriptor.<io.stellwerk.v1.CompleteTaskRequest, io.stellwerk.v1.CompleteTaskResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "CompleteTask"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.stellwerk.v1.CompleteTaskRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.stellwerk.v1.CompleteTaskResponse.getDefaultInstance()))
              .setSchemaDescriptor(new WorkerServiceMethodDescriptorSupplier("CompleteTask"))
              .build();
        }
      }
    }
    return getCompleteTaskMethod;
  }

  private static volatile io.grpc.MethodDescriptor<io.stellwerk.v1.HeartbeatRequest,
      io.stellwerk.v1.HeartbeatResponse> getHeartbeatMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "Heartbeat",
      requestType = io.stellwerk.v1.HeartbeatRequest.class,
      responseType = io.stellwerk.v1.HeartbeatResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.BIDI_STREAMING)
  public static io.grpc.MethodDescriptor<io.stellwerk.v1.HeartbeatRequest,
      io.stellwerk.v1.HeartbeatResponse> getHeartbeatMethod() {
    io.grpc.MethodDescriptor<io.stellwerk.v1.HeartbeatRequest, io.stellwerk.v1.HeartbeatResponse> getHeartbeatMethod;
    if ((getHeartbeatMethod = WorkerServiceGrpc.getHeartbeatMethod) == null) {
      synchronized (WorkerServiceGrpc.class) {
        if ((getHeartbeatMethod = WorkerServiceGrpc.getHeartbeatMethod) == null) {
          WorkerServiceGrpc.getHeartbeatMethod = getHeartbeatMethod =
              io.grpc.MethodDescriptor.<io.stellwerk.v1.HeartbeatRequest, io.stellwerk.v1.HeartbeatResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.BIDI_STREAMING)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "Heartbeat"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.stellwerk.v1.HeartbeatRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.stellwerk.v1.HeartbeatResponse.getDefaultInstance()))
              .setSchemaDescriptor(new WorkerServiceMethodDescriptorSupplier("Heartbeat"))
              .build();
        }
      }
    }
    return getHeartbeatMethod;
  }

  private static volatile io.grpc.MethodDescriptor<io.stellwerk.v1.StreamResultRequest,
      io.stellwerk.v1.StreamResultResponse> getStreamResultMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "StreamResult",
      requestType = io.stellwerk.v1.StreamResultRequest.class,
      responseType = io.stellwerk.v1.StreamResultResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.BIDI_STREAMING)
  public static io.grpc.MethodDescriptor<io.stellwerk.v1.StreamResultRequest,
      io.stellwerk.v1.StreamResultResponse> getStreamResultMethod() {
    io.grpc.MethodDescriptor<io.stellwerk.v1.StreamResultRequest, io.stellwerk.v1.StreamResultResponse> getStreamResultMethod;
    if ((getStreamResultMethod = WorkerServiceGrpc.getStreamResultMethod) == null) {
      synchronized (WorkerServiceGrpc.class) {
        if ((getStreamResultMethod = WorkerServiceGrpc.getStreamResultMethod) == null) {
          WorkerServiceGrpc.getStreamResultMethod = getStreamResultMethod =
              io.grpc.MethodDescriptor.<io.stellwerk.v1.StreamResultRequest, io.stellwerk.v1.StreamResultResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.BIDI_STREAMING)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "StreamResult"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.stellwerk.v1.StreamResultRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.stellwerk.v1.StreamResultResponse.getDefaultInstance()))
              .setSchemaDescriptor(new WorkerServiceMethodDescriptorSupplier("StreamResult"))
              .build();
        }
      }
    }
    return getStreamResultMethod;
  }

  /**
   * Creates a new async stub that supports all call types for the service
   */
  public static WorkerServiceStub newStub(io.grpc.Channel channel) {
    io.grpc.stub.AbstractStub.StubFactory<WorkerServiceStub> factory =
      new io.grpc.stub.AbstractStub.StubFactory<WorkerServiceStub>() {
        @java.lang.Override
        public WorkerServiceStub newStub(io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
          return new WorkerServiceStub(channel, callOptions);
        }
      };
    return WorkerServiceStub.newStub(factory, channel);
  }

  /**
   * Creates a new blocking-style stub that supports all types of calls on the service
   */
  public static WorkerServiceBlockingV2Stub newBlockingV2Stub(
      io.grpc.Channel channel) {
    io.grpc.stub.AbstractStub.StubFactory<WorkerServiceBlockingV2Stub> factory =
      new io.grpc.stub.AbstractStub.StubFactory<WorkerServiceBlockingV2Stub>() {
        @java.lang.Override
        public WorkerServiceBlockingV2Stub newStub(io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
          return new WorkerServiceBlockingV2Stub(channel, callOptions);
        }
      };
    return WorkerServiceBlockingV2Stub.newStub(factory, channel);
  }

  /**
   * Creates a new blocking-style stub that supports unary and streaming output calls on the service
   */
  public static WorkerServiceBlockingStub newBlockingStub(
      io.grpc.Channel channel) {
    io.grpc.stub.AbstractStub.StubFactory<WorkerServiceBlockingStub> factory =
      new io.grpc.stub.AbstractStub.StubFactory<WorkerServiceBlockingStub>() {
        @java.lang.Override
        public WorkerServiceBlockingStub newStub(io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
          return new WorkerServiceBlockingStub(channel, callOptions);
        }
      };
    return WorkerServiceBlockingStub.newStub(factory, channel);
  }

  /**
   * Creates a new ListenableFuture-style stub that supports unary calls on the service
   */
  public static WorkerServiceFutureStub newFutureStub(
      io.grpc.Channel channel) {
    io.grpc.stub.AbstractStub.StubFactory<WorkerServiceFutureStub> factory =
      new io.grpc.stub.AbstractStub.StubFactory<WorkerServiceFutureStub>() {
        @java.lang.Override
        public WorkerServiceFutureStub newStub(io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
          return new WorkerServiceFutureStub(channel, callOptions);
        }
      };
    return WorkerServiceFutureStub.newStub(factory, channel);
  }

  /**
   * <pre>
   * What a worker needs: tasks out, results in, and a line that shows it is alive.
   * </pre>
   */
  public interface AsyncService {

    /**
     * <pre>
     * Holds the call until a task is there or the wait is over; empty and OK when nothing came.
     * </pre>
     */
    default void pollTask(io.stellwerk.v1.PollTaskRequest request,
        io.grpc.stub.StreamObserver<io.stellwerk.v1.PollTaskResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getPollTaskMethod(), responseObserver);
    }

    /**
     * <pre>
     * Records outcomes. Every item has a verdict of its own; sending the same outcome again is OK.
     * </pre>
     */
    default void completeTask(io.stellwerk.v1.CompleteTaskRequest request,
        io.grpc.stub.StreamObserver<io.stellwerk.v1.CompleteTaskResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getCompleteTaskMethod(), responseObserver);
    }

    /**
     * <pre>
     * The worker's line, open for its whole life: leases are extended, cancels come back at once.
     * When it breaks and is not opened again within 2 s the worker's tasks go out again.
     * </pre>
     */
    default io.grpc.stub.StreamObserver<io.stellwerk.v1.HeartbeatRequest> heartbeat(
        io.grpc.stub.StreamObserver<io.stellwerk.v1.HeartbeatResponse> responseObserver) {
      return io.grpc.stub.ServerCalls.asyncUnimplementedStreamingCall(getHeartbeatMethod(), responseObserver);
    }

    /**
     * <pre>
     * Chunks of running attempts; acknowledged once they are durable.
     * </pre>
     */
    default io.grpc.stub.StreamObserver<io.stellwerk.v1.StreamResultRequest> streamResult(
        io.grpc.stub.StreamObserver<io.stellwerk.v1.StreamResultResponse> responseObserver) {
      return io.grpc.stub.ServerCalls.asyncUnimplementedStreamingCall(getStreamResultMethod(), responseObserver);
    }
  }

  /**
   * Base class for the server implementation of the service WorkerService.
   * <pre>
   * What a worker needs: tasks out, results in, and a line that shows it is alive.
   * </pre>
   */
  public static abstract class WorkerServiceImplBase
      implements io.grpc.BindableService, AsyncService {

    @java.lang.Override public final io.grpc.ServerServiceDefinition bindService() {
      return WorkerServiceGrpc.bindService(this);
    }
  }

  /**
   * A stub to allow clients to do asynchronous rpc calls to service WorkerService.
   * <pre>
   * What a worker needs: tasks out, results in, and a line that shows it is alive.
   * </pre>
   */
  public static final class WorkerServiceStub
      extends io.grpc.stub.AbstractAsyncStub<WorkerServiceStub> {
    private WorkerServiceStub(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      super(channel, callOptions);
    }

    @java.lang.Override
    protected WorkerServiceStub build(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      return new WorkerServiceStub(channel, callOptions);
    }

    /**
     * <pre>
     * Holds the call until a task is there or the wait is over; empty and OK when nothing came.
     * </pre>
     */
    public void pollTask(io.stellwerk.v1.PollTaskRequest request,
        io.grpc.stub.StreamObserver<io.stellwerk.v1.PollTaskResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getPollTaskMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Records outcomes. Every item has a verdict of its own; sending the same outcome again is OK.
     * </pre>
     */
    public void completeTask(io.stellwerk.v1.CompleteTaskRequest request,
        io.grpc.stub.StreamObserver<io.stellwerk.v1.CompleteTaskResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getCompleteTaskMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * The worker's line, open for its whole life: leases are extended, cancels come back at once.
     * When it breaks and is not opened again within 2 s the worker's tasks go out again.
     * </pre>
     */
    public io.grpc.stub.StreamObserver<io.stellwerk.v1.HeartbeatRequest> heartbeat(
        io.grpc.stub.StreamObserver<io.stellwerk.v1.HeartbeatResponse> responseObserver) {
      return io.grpc.stub.ClientCalls.asyncBidiStreamingCall(
          getChannel().newCall(getHeartbeatMethod(), getCallOptions()), responseObserver);
    }

    /**
     * <pre>
     * Chunks of running attempts; acknowledged once they are durable.
     * </pre>
     */
    public io.grpc.stub.StreamObserver<io.stellwerk.v1.StreamResultRequest> streamResult(
        io.grpc.stub.StreamObserver<io.stellwerk.v1.StreamResultResponse> responseObserver) {
      return io.grpc.stub.ClientCalls.asyncBidiStreamingCall(
          getChannel().newCall(getStreamResultMethod(), getCallOptions()), responseObserver);
    }
  }

  /**
   * A stub to allow clients to do synchronous rpc calls to service WorkerService.
   * <pre>
   * What a worker needs: tasks out, results in, and a line that shows it is alive.
   * </pre>
   */
  public static final class WorkerServiceBlockingV2Stub
      extends io.grpc.stub.AbstractBlockingStub<WorkerServiceBlockingV2Stub> {
    private WorkerServiceBlockingV2Stub(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      super(channel, callOptions);
    }

    @java.lang.Override
    protected WorkerServiceBlockingV2Stub build(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      return new WorkerServiceBlockingV2Stub(channel, callOptions);
    }

    /**
     * <pre>
     * Holds the call until a task is there or the wait is over; empty and OK when nothing came.
     * </pre>
     */
    public io.stellwerk.v1.PollTaskResponse pollTask(io.stellwerk.v1.PollTaskRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getPollTaskMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Records outcomes. Every item has a verdict of its own; sending the same outcome again is OK.
     * </pre>
     */
    public io.stellwerk.v1.CompleteTaskResponse completeTask(io.stellwerk.v1.CompleteTaskRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getCompleteTaskMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * The worker's line, open for its whole life: leases are extended, cancels come back at once.
     * When it breaks and is not opened again within 2 s the worker's tasks go out again.
     * </pre>
     */
    @io.grpc.ExperimentalApi("https://github.com/grpc/grpc-java/issues/10918")
    public io.grpc.stub.BlockingClientCall<io.stellwerk.v1.HeartbeatRequest, io.stellwerk.v1.HeartbeatResponse>
        heartbeat() {
      return io.grpc.stub.ClientCalls.blockingBidiStreamingCall(
          getChannel(), getHeartbeatMethod(), getCallOptions());
    }

    /**
     * <pre>
     * Chunks of running attempts; acknowledged once they are durable.
     * </pre>
     */
    @io.grpc.ExperimentalApi("https://github.com/grpc/grpc-java/issues/10918")
    public io.grpc.stub.BlockingClientCall<io.stellwerk.v1.StreamResultRequest, io.stellwerk.v1.StreamResultResponse>
        streamResult() {
      return io.grpc.stub.ClientCalls.blockingBidiStreamingCall(
          getChannel(), getStreamResultMethod(), getCallOptions());
    }
  }

  /**
   * A stub to allow clients to do limited synchronous rpc calls to service WorkerService.
   * <pre>
   * What a worker needs: tasks out, results in, and a line that shows it is alive.
   * </pre>
   */
  public static final class WorkerServiceBlockingStub
      extends io.grpc.stub.AbstractBlockingStub<WorkerServiceBlockingStub> {
    private WorkerServiceBlockingStub(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      super(channel, callOptions);
    }

    @java.lang.Override
    protected WorkerServiceBlockingStub build(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      return new WorkerServiceBlockingStub(channel, callOptions);
    }

    /**
     * <pre>
     * Holds the call until a task is there or the wait is over; empty and OK when nothing came.
     * </pre>
     */
    public io.stellwerk.v1.PollTaskResponse pollTask(io.stellwerk.v1.PollTaskRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getPollTaskMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Records outcomes. Every item has a verdict of its own; sending the same outcome again is OK.
     * </pre>
     */
    public io.stellwerk.v1.CompleteTaskResponse completeTask(io.stellwerk.v1.CompleteTaskRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getCompleteTaskMethod(), getCallOptions(), request);
    }
  }

  /**
   * A stub to allow clients to do ListenableFuture-style rpc calls to service WorkerService.
   * <pre>
   * What a worker needs: tasks out, results in, and a line that shows it is alive.
   * </pre>
   */
  public static final class WorkerServiceFutureStub
      extends io.grpc.stub.AbstractFutureStub<WorkerServiceFutureStub> {
    private WorkerServiceFutureStub(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      super(channel, callOptions);
    }

    @java.lang.Override
    protected WorkerServiceFutureStub build(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      return new WorkerServiceFutureStub(channel, callOptions);
    }

    /**
     * <pre>
     * Holds the call until a task is there or the wait is over; empty and OK when nothing came.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<io.stellwerk.v1.PollTaskResponse> pollTask(
        io.stellwerk.v1.PollTaskRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getPollTaskMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * Records outcomes. Every item has a verdict of its own; sending the same outcome again is OK.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<io.stellwerk.v1.CompleteTaskResponse> completeTask(
        io.stellwerk.v1.CompleteTaskRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getCompleteTaskMethod(), getCallOptions()), request);
    }
  }

  private static final int METHODID_POLL_TASK = 0;
  private static final int METHODID_COMPLETE_TASK = 1;
  private static final int METHODID_HEARTBEAT = 2;
  private static final int METHODID_STREAM_RESULT = 3;

  private static final class MethodHandlers<Req, Resp> implements
      io.grpc.stub.ServerCalls.UnaryMethod<Req, Resp>,
      io.grpc.stub.ServerCalls.ServerStreamingMethod<Req, Resp>,
      io.grpc.stub.ServerCalls.ClientStreamingMethod<Req, Resp>,
      io.grpc.stub.ServerCalls.BidiStreamingMethod<Req, Resp> {
    private final AsyncService serviceImpl;
    private final int methodId;

    MethodHandlers(AsyncService serviceImpl, int methodId) {
      this.serviceImpl = serviceImpl;
      this.methodId = methodId;
    }

    @java.lang.Override
    @java.lang.SuppressWarnings("unchecked")
    public void invoke(Req request, io.grpc.stub.StreamObserver<Resp> responseObserver) {
      switch (methodId) {
        case METHODID_POLL_TASK:
          serviceImpl.pollTask((io.stellwerk.v1.PollTaskRequest) request,
              (io.grpc.stub.StreamObserver<io.stellwerk.v1.PollTaskResponse>) responseObserver);
          break;
        case METHODID_COMPLETE_TASK:
          serviceImpl.completeTask((io.stellwerk.v1.CompleteTaskRequest) request,
              (io.grpc.stub.StreamObserver<io.stellwerk.v1.CompleteTaskResponse>) responseObserver);
          break;
        default:
          throw new AssertionError();
      }
    }

    @java.lang.Override
    @java.lang.SuppressWarnings("unchecked")
    public io.grpc.stub.StreamObserver<Req> invoke(
        io.grpc.stub.StreamObserver<Resp> responseObserver) {
      switch (methodId) {
        case METHODID_HEARTBEAT:
          return (io.grpc.stub.StreamObserver<Req>) serviceImpl.heartbeat(
              (io.grpc.stub.StreamObserver<io.stellwerk.v1.HeartbeatResponse>) responseObserver);
        case METHODID_STREAM_RESULT:
          return (io.grpc.stub.StreamObserver<Req>) serviceImpl.streamResult(
              (io.grpc.stub.StreamObserver<io.stellwerk.v1.StreamResultResponse>) responseObserver);
        default:
          throw new AssertionError();
      }
    }
  }

  public static final io.grpc.ServerServiceDefinition bindService(AsyncService service) {
    return io.grpc.ServerServiceDefinition.builder(getServiceDescriptor())
        .addMethod(
          getPollTaskMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              io.stellwerk.v1.PollTaskRequest,
              io.stellwerk.v1.PollTaskResponse>(
                service, METHODID_POLL_TASK)))
        .addMethod(
          getCompleteTaskMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              io.stellwerk.v1.CompleteTaskRequest,
              io.stellwerk.v1.CompleteTaskResponse>(
                service, METHODID_COMPLETE_TASK)))
        .addMethod(
          getHeartbeatMethod(),
          io.grpc.stub.ServerCalls.asyncBidiStreamingCall(
            new MethodHandlers<
              io.stellwerk.v1.HeartbeatRequest,
              io.stellwerk.v1.HeartbeatResponse>(
                service, METHODID_HEARTBEAT)))
        .addMethod(
          getStreamResultMethod(),
          io.grpc.stub.ServerCalls.asyncBidiStreamingCall(
            new MethodHandlers<
              io.stellwerk.v1.StreamResultRequest,
              io.stellwerk.v1.StreamResultResponse>(
                service, METHODID_STREAM_RESULT)))
        .build();
  }

  private static abstract class WorkerServiceBaseDescriptorSupplier
      implements io.grpc.protobuf.ProtoFileDescriptorSupplier, io.grpc.protobuf.ProtoServiceDescriptorSupplier {
    WorkerServiceBaseDescriptorSupplier() {}

    @java.lang.Override
    public com.google.protobuf.Descriptors.FileDescriptor getFileDescriptor() {
      return io.stellwerk.v1.WorkerProto.getDescriptor();
    }

    @java.lang.Override
    public com.google.protobuf.Descriptors.ServiceDescriptor getServiceDescriptor() {
      return getFileDescriptor().findServiceByName("WorkerService");
    }
  }

  private static final class WorkerServiceFileDescriptorSupplier
      extends WorkerServiceBaseDescriptorSupplier {
    WorkerServiceFileDescriptorSupplier() {}
  }

  private static final class WorkerServiceMethodDescriptorSupplier
      extends WorkerServiceBaseDescriptorSupplier
      implements io.grpc.protobuf.ProtoMethodDescriptorSupplier {
    private final java.lang.String methodName;

    WorkerServiceMethodDescriptorSupplier(java.lang.String methodName) {
      this.methodName = methodName;
    }

    @java.lang.Override
    public com.google.protobuf.Descriptors.MethodDescriptor getMethodDescriptor() {
      return getServiceDescriptor().findMethodByName(methodName);
    }
  }

  private static volatile io.grpc.ServiceDescriptor serviceDescriptor;

  public static io.grpc.ServiceDescriptor getServiceDescriptor() {
    io.grpc.ServiceDescriptor result = serviceDescriptor;
    if (result == null) {
      synchronized (WorkerServiceGrpc.class) {
        result = serviceDescriptor;
        if (result == null) {
          serviceDescriptor = result = io.grpc.ServiceDescriptor.newBuilder(SERVICE_NAME)
              .setSchemaDescriptor(new WorkerServiceFileDescriptorSupplier())
              .addMethod(getPollTaskMethod())
              .addMethod(getCompleteTaskMethod())
              .addMethod(getHeartbeatMethod())
              .addMethod(getStreamResultMethod())
              .build();
        }
      }
    }
    return result;
  }
}
