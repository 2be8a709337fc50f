package io.stellwerk.v1;

import static io.grpc.MethodDescriptor.generateFullMethodName;

/**
 * <pre>
 * Steps whose attempts are exhausted, kept until somebody decides.
 * </pre>
 */
@io.grpc.stub.annotations.GrpcGenerated
public final class DeadLetterServiceGrpc {

  private DeadLetterServiceGrpc() {}

  public static final java.lang.String SERVICE_NAME = "stellwerk.v1.DeadLetterService";

  // Static method descriptors that strictly reflect the proto.
  private static volatile io.grpc.MethodDescriptor<io.stellwerk.v1.ListDeadLettersRequest,
      io.stellwerk.v1.ListDeadLettersResponse> getListDeadLettersMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "ListDeadLetters",
      requestType = io.stellwerk.v1.ListDeadLettersRequest.class,
      responseType = io.stellwerk.v1.ListDeadLettersResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<io.stellwerk.v1.ListDeadLettersRequest,
      io.stellwerk.v1.ListDeadLettersResponse> getListDeadLettersMethod() {
    io.grpc.MethodDescriptor<io.stellwerk.v1.ListDeadLettersRequest, io.stellwerk.v1.ListDeadLettersResponse> getListDeadLettersMethod;
    if ((getListDeadLettersMethod = DeadLetterServiceGrpc.getListDeadLettersMethod) == null) {
      synchronized (DeadLetterServiceGrpc.class) {
        if ((getListDeadLettersMethod = DeadLetterServiceGrpc.getListDeadLettersMethod) == null) {
          DeadLetterServiceGrpc.getListDeadLettersMethod = getListDeadLettersMethod =
              io.grpc.MethodDescriptor.<io.stellwerk.v1.ListDeadLettersRequest, io.stellwerk.v1.ListDeadLettersResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "ListDeadLetters"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.stellwerk.v1.ListDeadLettersRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.stellwerk.v1.ListDeadLettersResponse.getDefaultInstance()))
              .setSchemaDescriptor(new DeadLetterServiceMethodDescriptorSupplier("ListDeadLetters"))
              .build();
        }
      }
    }
    return getListDeadLettersMethod;
  }

  private static volatile io.grpc.MethodDescriptor<io.stellwerk.v1.RequeueDeadLetterRequest,
      io.stellwerk.v1.RequeueDeadLetterResponse> getRequeueDeadLetterMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "RequeueDeadLetter",
      requestType = io.stellwerk.v1.RequeueDeadLetterRequest.class,
      responseType = io.stellwerk.v1.RequeueDeadLetterResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<io.stellwerk.v1.RequeueDeadLetterRequest,
      io.stellwerk.v1.RequeueDeadLetterResponse> getRequeueDeadLetterMethod() {
    io.grpc.MethodDescriptor<io.stellwerk.v1.RequeueDeadLetterRequest, io.stellwerk.v1.RequeueDeadLetterResponse> getRequeueDeadLetterMethod;
    if ((getRequeueDeadLetterMethod = DeadLetterServiceGrpc.getRequeueDeadLetterMethod) == null) {
      synchronized (DeadLetterServiceGrpc.class) {
        if ((getRequeueDeadLetterMethod = DeadLetterServiceGrpc.getRequeueDeadLetterMethod) == null) {
          DeadLetterServiceGrpc.getRequeueDeadLetterMethod = getRequeueDeadLetterMethod =
              io.grpc.MethodDescriptor.<io.stellwerk.v1.RequeueDeadLetterRequest, io.stellwerk.v1.RequeueDeadLetterResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "RequeueDeadLetter"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.stellwerk.v1.RequeueDeadLetterRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.stellwerk.v1.RequeueDeadLetterResponse.getDefaultInstance()))
              .setSchemaDescriptor(new DeadLetterServiceMethodDescriptorSupplier("RequeueDeadLetter"))
              .build();
        }
      }
    }
    return getRequeueDeadLetterMethod;
  }

  private static volatile io.grpc.MethodDescriptor<io.stellwerk.v1.DiscardDeadLetterRequest,
      io.stellwerk.v1.DiscardDeadLetterResponse> getDiscardDeadLetterMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "DiscardDeadLetter",
      requestType = io.stellwerk.v1.DiscardDeadLetterRequest.class,
      responseType = io.stellwerk.v1.DiscardDeadLetterResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<io.stellwerk.v1.DiscardDeadLetterRequest,
      io.stellwerk.v1.DiscardDeadLetterResponse> getDiscardDeadLetterMethod() {
    io.grpc.MethodDescriptor<io.stellwerk.v1.DiscardDeadLetterRequest, io.stellwerk.v1.DiscardDeadLetterResponse> getDiscardDeadLetterMethod;
    if ((getDiscardDeadLetterMethod = DeadLetterServiceGrpc.getDiscardDeadLetterMethod) == null) {
      synchronized (DeadLetterServiceGrpc.class) {
        if ((getDiscardDeadLetterMethod = DeadLetterServiceGrpc.getDiscardDeadLetterMethod) == null) {
          DeadLetterServiceGrpc.getDiscardDeadLetterMethod = getDiscardDeadLetterMethod =
              io.grpc.MethodDescriptor.<io.stellwerk.v1.DiscardDeadLetterRequest, io.stellwerk.v1.DiscardDeadLetterResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "DiscardDeadLetter"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.stellwerk.v1.DiscardDeadLetterRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.stellwerk.v1.DiscardDeadLetterResponse.getDefaultInstance()))
              .setSchemaDescriptor(new DeadLetterServiceMethodDescriptorSupplier("DiscardDeadLetter"))
              .build();
        }
      }
    }
    return getDiscardDeadLetterMethod;
  }

  /**
   * Creates a new async stub that supports all call types for the service
   */
  public static DeadLetterServiceStub newStub(io.grpc.Channel channel) {
    io.grpc.stub.AbstractStub.StubFactory<DeadLetterServiceStub> factory =
      new io.grpc.stub.AbstractStub.StubFactory<DeadLetterServiceStub>() {
        @java.lang.Override
        public DeadLetterServiceStub newStub(io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
          return new DeadLetterServiceStub(channel, callOptions);
        }
      };
    return DeadLetterServiceStub.newStub(factory, channel);
  }

  /**
   * Creates a new blocking-style stub that supports all types of calls on the service
   */
  public static DeadLetterServiceBlockingV2Stub newBlockingV2Stub(
      io.grpc.Channel channel) {
    io.grpc.stub.AbstractStub.StubFactory<DeadLetterServiceBlockingV2Stub> factory =
      new io.grpc.stub.AbstractStub.StubFactory<DeadLetterServiceBlockingV2Stub>() {
        @java.lang.Override
        public DeadLetterServiceBlockingV2Stub newStub(io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
          return new DeadLetterServiceBlockingV2Stub(channel, callOptions);
        }
      };
    return DeadLetterServiceBlockingV2Stub.newStub(factory, channel);
  }

  /**
   * Creates a new blocking-style stub that supports unary and streaming output calls on the service
   */
  public static DeadLetterServiceBlockingStub newBlockingStub(
      io.grpc.Channel channel) {
    io.grpc.stub.AbstractStub.StubFactory<DeadLetterServiceBlockingStub> factory =
      new io.grpc.stub.AbstractStub.StubFactory<DeadLetterServiceBlockingStub>() {
        @java.lang.Override
        public DeadLetterServiceBlockingStub newStub(io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
          return new DeadLetterServiceBlockingStub(channel, callOptions);
        }
      };
    return DeadLetterServiceBlockingStub.newStub(factory, channel);
  }

  /**
   * Creates a new ListenableFuture-style stub that supports unary calls on the service
   */
  public static DeadLetterServiceFutureStub newFutureStub(
      io.grpc.Channel channel) {
    io.grpc.stub.AbstractStub.StubFactory<DeadLetterServiceFutureStub> factory =
      new io.grpc.stub.AbstractStub.StubFactory<DeadLetterServiceFutureStub>() {
        @java.lang.Override
        public DeadLetterServiceFutureStub newStub(io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
          return new DeadLetterServiceFutureStub(channel, callOptions);
        }
      };
    return DeadLetterServiceFutureStub.newStub(factory, channel);
  }

  /**
   * <pre>
   * Steps whose attempts are exhausted, kept until somebody decides.
   * </pre>
   */
  public interface AsyncService {

    /**
     */
    default void listDeadLetters(io.stellwerk.v1.ListDeadLettersRequest request,
        io.grpc.stub.StreamObserver<io.stellwerk.v1.ListDeadLettersResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getListDeadLettersMethod(), responseObserver);
    }

    /**
     * <pre>
     * Tries again: a BLOCKED run goes on, an ended one is forked. Twice is the same as once.
     * </pre>
     */
    default void requeueDeadLetter(io.stellwerk.v1.RequeueDeadLetterRequest request,
        io.grpc.stub.StreamObserver<io.stellwerk.v1.RequeueDeadLetterResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getRequeueDeadLetterMethod(), responseObserver);
    }

    /**
     * <pre>
     * Gives up: a BLOCKED run fails. Twice is the same as once.
     * </pre>
     */
    default void discardDeadLetter(io.stellwerk.v1.DiscardDeadLetterRequest request,
        io.grpc.stub.StreamObserver<io.stellwerk.v1.DiscardDeadLetterResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getDiscardDeadLetterMethod(), responseObserver);
    }
  }

  /**
   * Base class for the server implementation of the service DeadLetterService.
   * <pre>
   * Steps whose attempts are exhausted, kept until somebody decides.
   * </pre>
   */
  public static abstract class DeadLetterServiceImplBase
      implements io.grpc.BindableService, AsyncService {

    @java.lang.Override public final io.grpc.ServerServiceDefinition bindService() {
      return DeadLetterServiceGrpc.bindService(this);
    }
  }

  /**
   * A stub to allow clients to do asynchronous rpc calls to service DeadLetterService.
   * <pre>
   * Steps whose attempts are exhausted, kept until somebody decides.
   * </pre>
   */
  public static final class DeadLetterServiceStub
      extends io.grpc.stub.AbstractAsyncStub<DeadLetterServiceStub> {
    private DeadLetterServiceStub(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      super(channel, callOptions);
    }

    @java.lang.Override
    protected DeadLetterServiceStub build(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      return new DeadLetterServiceStub(channel, callOptions);
    }

    /**
     */
    public void listDeadLetters(io.stellwerk.v1.ListDeadLettersRequest request,
        io.grpc.stub.StreamObserver<io.stellwerk.v1.ListDeadLettersResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getListDeadLettersMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Tries again: a BLOCKED run goes on, an ended one is forked. Twice is the same as once.
     * </pre>
     */
    public void requeueDeadLetter(io.stellwerk.v1.RequeueDeadLetterRequest request,
        io.grpc.stub.StreamObserver<io.stellwerk.v1.RequeueDeadLetterResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getRequeueDeadLetterMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Gives up: a BLOCKED run fails. Twice is the same as once.
     * </pre>
     */
    public void discardDeadLetter(io.stellwerk.v1.DiscardDeadLetterRequest request,
        io.grpc.stub.StreamObserver<io.stellwerk.v1.DiscardDeadLetterResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getDiscardDeadLetterMethod(), getCallOptions()), request, responseObserver);
    }
  }

  /**
   * A stub to allow clients to do synchronous rpc calls to service DeadLetterService.
   * <pre>
   * Steps whose attempts are exhausted, kept until somebody decides.
   * </pre>
   */
  public static final class DeadLetterServiceBlockingV2Stub
      extends io.grpc.stub.AbstractBlockingStub<DeadLetterServiceBlockingV2Stub> {
    private DeadLetterServiceBlockingV2Stub(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      super(channel, callOptions);
    }

    @java.lang.Override
    protected DeadLetterServiceBlockingV2Stub build(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      return new DeadLetterServiceBlockingV2Stub(channel, callOptions);
    }

    /**
     */
    public io.stellwerk.v1.ListDeadLettersResponse listDeadLetters(io.stellwerk.v1.ListDeadLettersRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getListDeadLettersMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Tries again: a BLOCKED run goes on, an ended one is forked. Twice is the same as once.
     * </pre>
     */
    public io.stellwerk.v1.RequeueDeadLetterResponse requeueDeadLetter(io.stellwerk.v1.RequeueDeadLetterRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getRequeueDeadLetterMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Gives up: a BLOCKED run fails. Twice is the same as once.
     * </pre>
     */
    public io.stellwerk.v1.DiscardDeadLetterResponse discardDeadLetter(io.stellwerk.v1.DiscardDeadLetterRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getDiscardDeadLetterMethod(), getCallOptions(), request);
    }
  }

  /**
   * A stub to allow clients to do limited synchronous rpc calls to service DeadLetterService.
   * <pre>
   * Steps whose attempts are exhausted, kept until somebody decides.
   * </pre>
   */
  public static final class DeadLetterServiceBlockingStub
      extends io.grpc.stub.AbstractBlockingStub<DeadLetterServiceBlockingStub> {
    private DeadLetterServiceBlockingStub(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      super(channel, callOptions);
    }

    @java.lang.Override
    protected DeadLetterServiceBlockingStub build(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      return new DeadLetterServiceBlockingStub(channel, callOptions);
    }

    /**
     */
    public io.stellwerk.v1.ListDeadLettersResponse listDeadLetters(io.stellwerk.v1.ListDeadLettersRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getListDeadLettersMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Tries again: a BLOCKED run goes on, an ended one is forked. Twice is the same as once.
     * </pre>
     */
    public io.stellwerk.v1.RequeueDeadLetterResponse requeueDeadLetter(io.stellwerk.v1.RequeueDeadLetterRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getRequeueDeadLetterMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Gives up: a BLOCKED run fails. Twice is the same as once.
     * </pre>
     */
    public io.stellwerk.v1.DiscardDeadLetterResponse discardDeadLetter(io.stellwerk.v1.DiscardDeadLetterRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getDiscardDeadLetterMethod(), getCallOptions(), request);
    }
  }

  /**
   * A stub to allow clients to do ListenableFuture-style rpc calls to service DeadLetterService.
   * <pre>
   * Steps whose attempts are exhausted, kept until somebody decides.
   * </pre>
   */
  public static final class DeadLetterServiceFutureStub
      extends io.grpc.stub.AbstractFutureStub<DeadLetterServiceFutureStub> {
    private DeadLetterServiceFutureStub(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      super(channel, callOptions);
    }

    @java.lang.Override
    protected DeadLetterServiceFutureStub build(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      return new DeadLetterServiceFutureStub(channel, callOptions);
    }

    /**
     */
    public com.google.common.util.concurrent.ListenableFuture<io.stellwerk.v1.ListDeadLettersResponse> listDeadLetters(
        io.stellwerk.v1.ListDeadLettersRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getListDeadLettersMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * Tries again: a BLOCKED run goes on, an ended one is forked. Twice is the same as once.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<io.stellwerk.v1.RequeueDeadLetterResponse> requeueDeadLetter(
        io.stellwerk.v1.RequeueDeadLetterRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getRequeueDeadLetterMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * Gives up: a BLOCKED run fails. Twice is the same as once.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<io.stellwerk.v1.DiscardDeadLetterResponse> discardDeadLetter(
        io.stellwerk.v1.DiscardDeadLetterRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getDiscardDeadLetterMethod(), getCallOptions()), request);
    }
  }

  private static final int METHODID_LIST_DEAD_LETTERS = 0;
  private static final int METHODID_REQUEUE_DEAD_LETTER = 1;
  private static final int METHODID_DISCARD_DEAD_LETTER = 2;

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
        case METHODID_LIST_DEAD_LETTERS:
          serviceImpl.listDeadLetters((io.stellwerk.v1.ListDeadLettersRequest) request,
              (io.grpc.stub.StreamObserver<io.stellwerk.v1.ListDeadLettersResponse>) responseObserver);
          break;
        case METHODID_REQUEUE_DEAD_LETTER:
          serviceImpl.requeueDeadLetter((io.stellwerk.v1.RequeueDeadLetterRequest) request,
              (io.grpc.stub.StreamObserver<io.stellwerk.v1.RequeueDeadLetterResponse>) responseObserver);
          break;
        case METHODID_DISCARD_DEAD_LETTER:
          serviceImpl.discardDeadLetter((io.stellwerk.v1.DiscardDeadLetterRequest) request,
              (io.grpc.stub.StreamObserver<io.stellwerk.v1.DiscardDeadLetterResponse>) responseObserver);
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
        default:
          throw new AssertionError();
      }
    }
  }

  public static final io.grpc.ServerServiceDefinition bindService(AsyncService service) {
    return io.grpc.ServerServiceDefinition.builder(getServiceDescriptor())
        .addMethod(
          getListDeadLettersMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              io.stellwerk.v1.ListDeadLettersRequest,
              io.stellwerk.v1.ListDeadLettersResponse>(
                service, METHODID_LIST_DEAD_LETTERS)))
        .addMethod(
          getRequeueDeadLetterMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              io.stellwerk.v1.RequeueDeadLetterRequest,
              io.stellwerk.v1.RequeueDeadLetterResponse>(
                service, METHODID_REQUEUE_DEAD_LETTER)))
        .addMethod(
          getDiscardDeadLetterMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              io.stellwerk.v1.DiscardDeadLetterRequest,
              io.stellwerk.v1.DiscardDeadLetterResponse>(
                service, METHODID_DISCARD_DEAD_LETTER)))
        .build();
  }

  private static abstract class DeadLetterServiceBaseDescriptorSupplier
      implements io.grpc.protobuf.ProtoFileDescriptorSupplier, io.grpc.protobuf.ProtoServiceDescriptorSupplier {
    DeadLetterServiceBaseDescriptorSupplier() {}

    @java.lang.Override
    public com.google.protobuf.Descriptors.FileDescriptor getFileDescriptor() {
      return io.stellwerk.v1.DeadLetterOuterClass.getDescriptor();
    }

    @java.lang.Override
    public com.google.protobuf.Descriptors.ServiceDescriptor getServiceDescriptor() {
      return getFileDescriptor().findServiceByName("DeadLetterService");
    }
  }

  private static final class DeadLetterServiceFileDescriptorSupplier
      extends DeadLetterServiceBaseDescriptorSupplier {
    DeadLetterServiceFileDescriptorSupplier() {}
  }

  private static final class DeadLetterServiceMethodDescriptorSupplier
      extends DeadLetterServiceBaseDescriptorSupplier
      implements io.grpc.protobuf.ProtoMethodDescriptorSupplier {
    private final java.lang.String methodName;

    DeadLetterServiceMethodDescriptorSupplier(java.lang.String methodName) {
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
      synchronized (DeadLetterServiceGrpc.class) {
        result = serviceDescriptor;
        if (result == null) {
          serviceDescriptor = result = io.grpc.ServiceDescriptor.newBuilder(SERVICE_NAME)
              .setSchemaDescriptor(new DeadLetterServiceFileDescriptorSupplier())
              .addMethod(getListDeadLettersMethod())
              .addMethod(getRequeueDeadLetterMethod())
              .addMethod(getDiscardDeadLetterMethod())
              .build();
        }
      }
    }
    return result;
  }
}
