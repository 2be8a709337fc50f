package io.stellwerk.v1;

import static io.grpc.MethodDescriptor.generateFullMethodName;

/**
 * <pre>
 * What the operator looks at.
 * </pre>
 */
@io.grpc.stub.annotations.GrpcGenerated
public final class AdminServiceGrpc {

  private AdminServiceGrpc() {}

  public static final java.lang.String SERVICE_NAME = "stellwerk.v1.AdminService";

  // Static method descriptors that strictly reflect the proto.
  private static volatile io.grpc.MethodDescriptor<io.stellwerk.v1.GetServerRequest,
      io.stellwerk.v1.GetServerResponse> getGetServerMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "GetServer",
      requestType = io.stellwerk.v1.GetServerRequest.class,
      responseType = io.stellwerk.v1.GetServerResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<io.stellwerk.v1.GetServerRequest,
      io.stellwerk.v1.GetServerResponse> getGetServerMethod() {
    io.grpc.MethodDescriptor<io.stellwerk.v1.GetServerRequest, io.stellwerk.v1.GetServerResponse> getGetServerMethod;
    if ((getGetServerMethod = AdminServiceGrpc.getGetServerMethod) == null) {
      synchronized (AdminServiceGrpc.class) {
        if ((getGetServerMethod = AdminServiceGrpc.getGetServerMethod) == null) {
          AdminServiceGrpc.getGetServerMethod = getGetServerMethod =
              io.grpc.MethodDescriptor.<io.stellwerk.v1.GetServerRequest, io.stellwerk.v1.GetServerResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "GetServer"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.stellwerk.v1.GetServerRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.stellwerk.v1.GetServerResponse.getDefaultInstance()))
              .setSchemaDescriptor(new AdminServiceMethodDescriptorSupplier("GetServer"))
              .build();
        }
      }
    }
    return getGetServerMethod;
  }

  private static volatile io.grpc.MethodDescriptor<io.stellwerk.v1.ListWorkersRequest,
      io.stellwerk.v1.ListWorkersResponse> getListWorkersMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "ListWorkers",
      requestType = io.stellwerk.v1.ListWorkersRequest.class,
      responseType = io.stellwerk.v1.ListWorkersResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<io.stellwerk.v1.ListWorkersRequest,
      io.stellwerk.v1.ListWorkersResponse> getListWorkersMethod() {
    io.grpc.MethodDescriptor<io.stellwerk.v1.ListWorkersRequest, io.stellwerk.v1.ListWorkersResponse> getListWorkersMethod;
    if ((getListWorkersMethod = AdminServiceGrpc.getListWorkersMethod) == null) {
      synchronized (AdminServiceGrpc.class) {
        if ((getListWorkersMethod = AdminServiceGrpc.getListWorkersMethod) == null) {
          AdminServiceGrpc.getListWorkersMethod = getListWorkersMethod =
              io.grpc.MethodDescriptor.<io.stellwerk.v1.ListWorkersRequest, io.stellwerk.v1.ListWorkersResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "ListWorkers"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.stellwerk.v1.ListWorkersRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.stellwerk.v1.ListWorkersResponse.getDefaultInstance()))
              .setSchemaDescriptor(new AdminServiceMethodDescriptorSupplier("ListWorkers"))
              .build();
        }
      }
    }
    return getListWorkersMethod;
  }

  private static volatile io.grpc.MethodDescriptor<io.stellwerk.v1.ListQueuesRequest,
      io.stellwerk.v1.ListQueuesResponse> getListQueuesMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "ListQueues",
      requestType = io.stellwerk.v1.ListQueuesRequest.class,
      responseType = io.stellwerk.v1.ListQueuesResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<io.stellwerk.v1.ListQueuesRequest,
      io.stellwerk.v1.ListQueuesResponse> getListQueuesMethod() {
    io.grpc.MethodDescriptor<io.stellwerk.v1.ListQueuesRequest, io.stellwerk.v1.ListQueuesResponse> getListQueuesMethod;
    if ((getListQueuesMethod = AdminServiceGrpc.getListQueuesMethod) == null) {
      synchronized (AdminServiceGrpc.class) {
        if ((getListQueuesMethod = AdminServiceGrpc.getListQueuesMethod) == null) {
          AdminServiceGrpc.getListQueuesMethod = getListQueuesMethod =
              io.grpc.MethodDescriptor.<io.stellwerk.v1.ListQueuesRequest, io.stellwerk.v1.ListQueuesResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "ListQueues"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.stellwerk.v1.ListQueuesRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.stellwerk.v1.ListQueuesResponse.getDefaultInstance()))
              .setSchemaDescriptor(new AdminServiceMethodDescriptorSupplier("ListQueues"))
              .build();
        }
      }
    }
    return getListQueuesMethod;
  }

  private static volatile io.grpc.MethodDescriptor<io.stellwerk.v1.ListTimersRequest,
      io.stellwerk.v1.ListTimersResponse> getListTimersMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "ListTimers",
      requestType = io.stellwerk.v1.ListTimersRequest.class,
      responseType = io.stellwerk.v1.ListTimersResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<io.stellwerk.v1.ListTimersRequest,
      io.stellwerk.v1.ListTimersResponse> getListTimersMethod() {
    io.grpc.MethodDescriptor<io.stellwerk.v1.ListTimersRequest, io.stellwerk.v1.ListTimersResponse> getListTimersMethod;
    if ((getListTimersMethod = AdminServiceGrpc.getListTimersMethod) == null) {
      synchronized (AdminServiceGrpc.class) {
        if ((getListTimersMethod = AdminServiceGrpc.getListTimersMethod) == null) {
          AdminServiceGrpc.getListTimersMethod = getListTimersMethod =
              io.grpc.MethodDescriptor.<io.stellwerk.v1.ListTimersRequest, io.stellwerk.v1.ListTimersResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "ListTimers"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.stellwerk.v1.ListTimersRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.stellwerk.v1.ListTimersResponse.getDefaultInstance()))
              .setSchemaDescriptor(new AdminServiceMethodDescriptorSupplier("ListTimers"))
              .build();
        }
      }
    }
    return getListTimersMethod;
  }

  private static volatile io.grpc.MethodDescriptor<io.stellwerk.v1.GetOverviewRequest,
      io.stellwerk.v1.GetOverviewResponse> getGetOverviewMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "GetOverview",
      requestType = io.stellwerk.v1.GetOverviewRequest.class,
      responseType = io.stellwerk.v1.GetOverviewResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<io.stellwerk.v1.GetOverviewRequest,
      io.stellwerk.v1.GetOverviewResponse> getGetOverviewMethod() {
    io.grpc.MethodDescriptor<io.stellwerk.v1.GetOverviewRequest, io.stellwerk.v1.GetOverviewResponse> getGetOverviewMethod;
    if ((getGetOverviewMethod = AdminServiceGrpc.getGetOverviewMethod) == null) {
      synchronized (AdminServiceGrpc.class) {
        if ((getGetOverviewMethod = AdminServiceGrpc.getGetOverviewMethod) == null) {
          AdminServiceGrpc.getGetOverviewMethod = getGetOverviewMethod =
              io.grpc.MethodDescriptor.<io.stellwerk.v1.GetOverviewRequest, io.stellwerk.v1.GetOverviewResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "GetOverview"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.stellwerk.v1.GetOverviewRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.stellwerk.v1.GetOverviewResponse.getDefaultInstance()))
              .setSchemaDescriptor(new AdminServiceMethodDescriptorSupplier("GetOverview"))
              .build();
        }
      }
    }
    return getGetOverviewMethod;
  }

  /**
   * Creates a new async stub that supports all call types for the service
   */
  public static AdminServiceStub newStub(io.grpc.Channel channel) {
    io.grpc.stub.AbstractStub.StubFactory<AdminServiceStub> factory =
      new io.grpc.stub.AbstractStub.StubFactory<AdminServiceStub>() {
        @java.lang.Override
        public AdminServiceStub newStub(io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
          return new AdminServiceStub(channel, callOptions);
        }
      };
    return AdminServiceStub.newStub(factory, channel);
  }

  /**
   * Creates a new blocking-style stub that supports all types of calls on the service
   */
  public static AdminServiceBlockingV2Stub newBlockingV2Stub(
      io.grpc.Channel channel) {
    io.grpc.stub.AbstractStub.StubFactory<AdminServiceBlockingV2Stub> factory =
      new io.grpc.stub.AbstractStub.StubFactory<AdminServiceBlockingV2Stub>() {
        @java.lang.Override
        public AdminServiceBlockingV2Stub newStub(io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
          return new AdminServiceBlockingV2Stub(channel, callOptions);
        }
      };
    return AdminServiceBlockingV2Stub.newStub(factory, channel);
  }

  /**
   * Creates a new blocking-style stub that supports unary and streaming output calls on the service
   */
  public static AdminServiceBlockingStub newBlockingStub(
      io.grpc.Channel channel) {
    io.grpc.stub.AbstractStub.StubFactory<AdminServiceBlockingStub> factory =
      new io.grpc.stub.AbstractStub.StubFactory<AdminServiceBlockingStub>() {
        @java.lang.Override
        public AdminServiceBlockingStub newStub(io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
          return new AdminServiceBlockingStub(channel, callOptions);
        }
      };
    return AdminServiceBlockingStub.newStub(factory, channel);
  }

  /**
   * Creates a new ListenableFuture-style stub that supports unary calls on the service
   */
  public static AdminServiceFutureStub newFutureStub(
      io.grpc.Channel channel) {
    io.grpc.stub.AbstractStub.StubFactory<AdminServiceFutureStub> factory =
      new io.grpc.stub.AbstractStub.StubFactory<AdminServiceFutureStub>() {
        @java.lang.Override
        public AdminServiceFutureStub newStub(io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
          return new AdminServiceFutureStub(channel, callOptions);
        }
      };
    return AdminServiceFutureStub.newStub(factory, channel);
  }

  /**
   * <pre>
   * What the operator looks at.
   * </pre>
   */
  public interface AsyncService {

    /**
     */
    default void getServer(io.stellwerk.v1.GetServerRequest request,
        io.grpc.stub.StreamObserver<io.stellwerk.v1.GetServerResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getGetServerMethod(), responseObserver);
    }

    /**
     */
    default void listWorkers(io.stellwerk.v1.ListWorkersRequest request,
        io.grpc.stub.StreamObserver<io.stellwerk.v1.ListWorkersResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getListWorkersMethod(), responseObserver);
    }

    /**
     */
    default void listQueues(io.stellwerk.v1.ListQueuesRequest request,
        io.grpc.stub.StreamObserver<io.stellwerk.v1.ListQueuesResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getListQueuesMethod(), responseObserver);
    }

    /**
     * <pre>
     * Timers that are set, soonest first.
     * </pre>
     */
    default void listTimers(io.stellwerk.v1.ListTimersRequest request,
        io.grpc.stub.StreamObserver<io.stellwerk.v1.ListTimersResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getListTimersMethod(), responseObserver);
    }

    /**
     * <pre>
     * What an operator wants to see first, in one answer.
     * </pre>
     */
    default void getOverview(io.stellwerk.v1.GetOverviewRequest request,
        io.grpc.stub.StreamObserver<io.stellwerk.v1.GetOverviewResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getGetOverviewMethod(), responseObserver);
    }
  }

  /**
   * Base class for the server implementation of the service AdminService.
   * <pre>
   * What the operator looks at.
   * </pre>
   */
  public static abstract class AdminServiceImplBase
      implements io.grpc.BindableService, AsyncService {

    @java.lang.Override public final io.grpc.ServerServiceDefinition bindService() {
      return AdminServiceGrpc.bindService(this);
    }
  }

  /**
   * A stub to allow clients to do asynchronous rpc calls to service AdminService.
   * <pre>
   * What the operator looks at.
   * </pre>
   */
  public static final class AdminServiceStub
      extends io.grpc.stub.AbstractAsyncStub<AdminServiceStub> {
    private AdminServiceStub(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      super(channel, callOptions);
    }

    @java.lang.Override
    protected AdminServiceStub build(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      return new AdminServiceStub(channel, callOptions);
    }

    /**
     */
    public void getServer(io.stellwerk.v1.GetServerRequest request,
        io.grpc.stub.StreamObserver<io.stellwerk.v1.GetServerResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getGetServerMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     */
    public void listWorkers(io.stellwerk.v1.ListWorkersRequest request,
        io.grpc.stub.StreamObserver<io.stellwerk.v1.ListWorkersResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getListWorkersMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     */
    public void listQueues(io.stellwerk.v1.ListQueuesRequest request,
        io.grpc.stub.StreamObserver<io.stellwerk.v1.ListQueuesResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getListQueuesMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Timers that are set, soonest first.
     * </pre>
     */
    public void listTimers(io.stellwerk.v1.ListTimersRequest request,
        io.grpc.stub.StreamObserver<io.stellwerk.v1.ListTimersResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getListTimersMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * What an operator wants to see first, in one answer.
     * </pre>
     */
    public void getOverview(io.stellwerk.v1.GetOverviewRequest request,
        io.grpc.stub.StreamObserver<io.stellwerk.v1.GetOverviewResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getGetOverviewMethod(), getCallOptions()), request, responseObserver);
    }
  }

  /**
   * A stub to allow clients to do synchronous rpc calls to service AdminService.
   * <pre>
   * What the operator looks at.
   * </pre>
   */
  public static final class AdminServiceBlockingV2Stub
      extends io.grpc.stub.AbstractBlockingStub<AdminServiceBlockingV2Stub> {
    private AdminServiceBlockingV2Stub(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      super(channel, callOptions);
    }

    @java.lang.Override
    protected AdminServiceBlockingV2Stub build(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      return new AdminServiceBlockingV2Stub(channel, callOptions);
    }

    /**
     */
    public io.stellwerk.v1.GetServerResponse getServer(io.stellwerk.v1.GetServerRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getGetServerMethod(), getCallOptions(), request);
    }

    /**
     */
    public io.stellwerk.v1.ListWorkersResponse listWorkers(io.stellwerk.v1.ListWorkersRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getListWorkersMethod(), getCallOptions(), request);
    }

    /**
     */
    public io.stellwerk.v1.ListQueuesResponse listQueues(io.stellwerk.v1.ListQueuesRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getListQueuesMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Timers that are set, soonest first.
     * </pre>
     */
    public io.stellwerk.v1.ListTimersResponse listTimers(io.stellwerk.v1.ListTimersRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getListTimersMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * What an operator wants to see first, in one answer.
     * </pre>
     */
    public io.stellwerk.v1.GetOverviewResponse getOverview(io.stellwerk.v1.GetOverviewRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getGetOverviewMethod(), getCallOptions(), request);
    }
  }

  /**
   * A stub to allow clients to do limited synchronous rpc calls to service AdminService.
   * <pre>
   * What the operator looks at.
   * </pre>
   */
  public static final class AdminServiceBlockingStub
      extends io.grpc.stub.AbstractBlockingStub<AdminServiceBlockingStub> {
    private AdminServiceBlockingStub(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      super(channel, callOptions);
    }

    @java.lang.Override
    protected AdminServiceBlockingStub build(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      return new AdminServiceBlockingStub(channel, callOptions);
    }

    /**
     */
    public io.stellwerk.v1.GetServerResponse getServer(io.stellwerk.v1.GetServerRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getGetServerMethod(), getCallOptions(), request);
    }

    /**
     */
    public io.stellwerk.v1.ListWorkersResponse listWorkers(io.stellwerk.v1.ListWorkersRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getListWorkersMethod(), getCallOptions(), request);
    }

    /**
     */
    public io.stellwerk.v1.ListQueuesResponse listQueues(io.stellwerk.v1.ListQueuesRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getListQueuesMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Timers that are set, soonest first.
     * </pre>
     */
    public io.stellwerk.v1.ListTimersResponse listTimers(io.stellwerk.v1.ListTimersRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getListTimersMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * What an operator wants to see first, in one answer.
     * </pre>
     */
    public io.stellwerk.v1.GetOverviewResponse getOverview(io.stellwerk.v1.GetOverviewRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getGetOverviewMethod(), getCallOptions(), request);
    }
  }

  /**
   * A stub to allow clients to do ListenableFuture-style rpc calls to service AdminService.
   * <pre>
   * What the operator looks at.
   * </pre>
   */
  public static final class AdminServiceFutureStub
      extends io.grpc.stub.AbstractFutureStub<AdminServiceFutureStub> {
    private AdminServiceFutureStub(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      super(channel, callOptions);
    }

    @java.lang.Override
    protected AdminServiceFutureStub build(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      return new AdminServiceFutureStub(channel, callOptions);
    }

    /**
     */
    public com.google.common.util.concurrent.ListenableFuture<io.stellwerk.v1.GetServerResponse> getServer(
        io.stellwerk.v1.GetServerRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getGetServerMethod(), getCallOptions()), request);
    }

    /**
     */
    public com.google.common.util.concurrent.ListenableFuture<io.stellwerk.v1.ListWorkersResponse> listWorkers(
        io.stellwerk.v1.ListWorkersRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getListWorkersMethod(), getCallOptions()), request);
    }

    /**
     */
    public com.google.common.util.concurrent.ListenableFuture<io.stellwerk.v1.ListQueuesResponse> listQueues(
        io.stellwerk.v1.ListQueuesRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getListQueuesMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * Timers that are set, soonest first.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<io.stellwerk.v1.ListTimersResponse> listTimers(
        io.stellwerk.v1.ListTimersRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getListTimersMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * What an operator wants to see first, in one answer.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<io.stellwerk.v1.GetOverviewResponse> getOverview(
        io.stellwerk.v1.GetOverviewRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getGetOverviewMethod(), getCallOptions()), request);
    }
  }

  private static final int METHODID_GET_SERVER = 0;
  private static final int METHODID_LIST_WORKERS = 1;
  private static final int METHODID_LIST_QUEUES = 2;
  private static final int METHODID_LIST_TIMERS = 3;
  private static final int METHODID_GET_OVERVIEW = 4;

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
        case METHODID_GET_SERVER:
          serviceImpl.getServer((io.stellwerk.v1.GetServerRequest) request,
              (io.grpc.stub.StreamObserver<io.stellwerk.v1.GetServerResponse>) responseObserver);
          break;
        case METHODID_LIST_WORKERS:
          serviceImpl.listWorkers((io.stellwerk.v1.ListWorkersRequest) request,
              (io.grpc.stub.StreamObserver<io.stellwerk.v1.ListWorkersResponse>) responseObserver);
          break;
        case METHODID_LIST_QUEUES:
          serviceImpl.listQueues((io.stellwerk.v1.ListQueuesRequest) request,
              (io.grpc.stub.StreamObserver<io.stellwerk.v1.ListQueuesResponse>) responseObserver);
          break;
        case METHODID_LIST_TIMERS:
          serviceImpl.listTimers((io.stellwerk.v1.ListTimersRequest) request,
              (io.grpc.stub.StreamObserver<io.stellwerk.v1.ListTimersResponse>) responseObserver);
          break;
        case METHODID_GET_OVERVIEW:
          serviceImpl.getOverview((io.stellwerk.v1.GetOverviewRequest) request,
              (io.grpc.stub.StreamObserver<io.stellwerk.v1.GetOverviewResponse>) responseObserver);
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
          getGetServerMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              io.stellwerk.v1.GetServerRequest,
              io.stellwerk.v1.GetServerResponse>(
                service, METHODID_GET_SERVER)))
        .addMethod(
          getListWorkersMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              io.stellwerk.v1.ListWorkersRequest,
              io.stellwerk.v1.ListWorkersResponse>(
                service, METHODID_LIST_WORKERS)))
        .addMethod(
          getListQueuesMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              io.stellwerk.v1.ListQueuesRequest,
              io.stellwerk.v1.ListQueuesResponse>(
                service, METHODID_LIST_QUEUES)))
        .addMethod(
          getListTimersMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              io.stellwerk.v1.ListTimersRequest,
              io.stellwerk.v1.ListTimersResponse>(
                service, METHODID_LIST_TIMERS)))
        .addMethod(
          getGetOverviewMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              io.stellwerk.v1.GetOverviewRequest,
              io.stellwerk.v1.GetOverviewResponse>(
                service, METHODID_GET_OVERVIEW)))
        .build();
  }

  private static abstract class AdminServiceBaseDescriptorSupplier
      implements io.grpc.protobuf.ProtoFileDescriptorSupplier, io.grpc.protobuf.ProtoServiceDescriptorSupplier {
    AdminServiceBaseDescriptorSupplier() {}

    @java.lang.Override
    public com.google.protobuf.Descriptors.FileDescriptor getFileDescriptor() {
      return io.stellwerk.v1.Admin.getDescriptor();
    }

    @java.lang.Override
    public com.google.protobuf.Descriptors.ServiceDescriptor getServiceDescriptor() {
      return getFileDescriptor().findServiceByName("AdminService");
    }
  }

  private static final class AdminServiceFileDescriptorSupplier
      extends AdminServiceBaseDescriptorSupplier {
    AdminServiceFileDescriptorSupplier() {}
  }

  private static final class AdminServiceMethodDescriptorSupplier
      extends AdminServiceBaseDescriptorSupplier
      implements io.grpc.protobuf.ProtoMethodDescriptorSupplier {
    private final java.lang.String methodName;

    AdminServiceMethodDescriptorSupplier(java.lang.String methodName) {
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
      synchronized (AdminServiceGrpc.class) {
        result = serviceDescriptor;
        if (result == null) {
          serviceDescriptor = result = io.grpc.ServiceDescriptor.newBuilder(SERVICE_NAME)
              .setSchemaDescriptor(new AdminServiceFileDescriptorSupplier())
              .addMethod(getGetServerMethod())
              .addMethod(getListWorkersMethod())
              .addMethod(getListQueuesMethod())
              .addMethod(getListTimersMethod())
              .addMethod(getGetOverviewMethod())
              .build();
        }
      }
    }
    return result;
  }
}
