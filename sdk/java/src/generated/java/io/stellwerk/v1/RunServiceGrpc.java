package io.stellwerk.v1;

import static io.grpc.MethodDescriptor.generateFullMethodName;

/**
 * <pre>
 * Starts runs, reads them, waits for them and ends them.
 * </pre>
 */
@io.grpc.stub.annotations.GrpcGenerated
public final class RunServiceGrpc {

  private RunServiceGrpc() {}

  public static final java.lang.String SERVICE_NAME = "stellwerk.v1.RunService";

  // Static method descriptors that strictly reflect the proto.
  private static volatile io.grpc.MethodDescriptor<io.stellwerk.v1.StartRunRequest,
      io.stellwerk.v1.StartRunResponse> getStartRunMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "StartRun",
      requestType = io.stellwerk.v1.StartRunRequest.class,
      responseType = io.stellwerk.v1.StartRunResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<io.stellwerk.v1.StartRunRequest,
      io.stellwerk.v1.StartRunResponse> getStartRunMethod() {
    io.grpc.MethodDescriptor<io.stellwerk.v1.StartRunRequest, io.stellwerk.v1.StartRunResponse> getStartRunMethod;
    if ((getStartRunMethod = RunServiceGrpc.getStartRunMethod) == null) {
      synchronized (RunServiceGrpc.class) {
        if ((getStartRunMethod = RunServiceGrpc.getStartRunMethod) == null) {
          RunServiceGrpc.getStartRunMethod = getStartRunMethod =
              io.grpc.MethodDescriptor.<io.stellwerk.v1.StartRunRequest, io.stellwerk.v1.StartRunResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "StartRun"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.stellwerk.v1.StartRunRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.stellwerk.v1.StartRunResponse.getDefaultInstance()))
              .setSchemaDescriptor(new RunServiceMethodDescriptorSupplier("StartRun"))
              .build();
        }
      }
    }
    return getStartRunMethod;
  }

  private static volatile io.grpc.MethodDescriptor<io.stellwerk.v1.StartRunsRequest,
      io.stellwerk.v1.StartRunsResponse> getStartRunsMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "StartRuns",
      requestType = io.stellwerk.v1.StartRunsRequest.class,
      responseType = io.stellwerk.v1.StartRunsResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<io.stellwerk.v1.StartRunsRequest,
      io.stellwerk.v1.StartRunsResponse> getStartRunsMethod() {
    io.grpc.MethodDescriptor<io.stellwerk.v1.StartRunsRequest, io.stellwerk.v1.StartRunsResponse> getStartRunsMethod;
    if ((getStartRunsMethod = RunServiceGrpc.getStartRunsMethod) == null) {
      synchronized (RunServiceGrpc.class) {
        if ((getStartRunsMethod = RunServiceGrpc.getStartRunsMethod) == null) {
          RunServiceGrpc.getStartRunsMethod = getStartRunsMethod =
              io.grpc.MethodDescriptor.<io.stellwerk.v1.StartRunsRequest, io.stellwerk.v1.StartRunsResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "StartRuns"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.stellwerk.v1.StartRunsRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.stellwerk.v1.StartRunsResponse.getDefaultInstance()))
              .setSchemaDescriptor(new RunServiceMethodDescriptorSupplier("StartRuns"))
              .build();
        }
      }
    }
    return getStartRunsMethod;
  }

  private static volatile io.grpc.MethodDescriptor<io.stellwerk.v1.GetRunRequest,
      io.stellwerk.v1.GetRunResponse> getGetRunMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "GetRun",
      requestType = io.stellwerk.v1.GetRunRequest.class,
      responseType = io.stellwerk.v1.GetRunResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<io.stellwerk.v1.GetRunRequest,
      io.stellwerk.v1.GetRunResponse> getGetRunMethod() {
    io.grpc.MethodDescriptor<io.stellwerk.v1.GetRunRequest, io.stellwerk.v1.GetRunResponse> getGetRunMethod;
    if ((getGetRunMethod = RunServiceGrpc.getGetRunMethod) == null) {
      synchronized (RunServiceGrpc.class) {
        if ((getGetRunMethod = RunServiceGrpc.getGetRunMethod) == null) {
          RunServiceGrpc.getGetRunMethod = getGetRunMethod =
              io.grpc.MethodDescriptor.<io.stellwerk.v1.GetRunRequest, io.stellwerk.v1.GetRunResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "GetRun"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.stellwerk.v1.GetRunRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.stellwerk.v1.GetRunResponse.getDefaultInstance()))
              .setSchemaDescriptor(new RunServiceMethodDescriptorSupplier("GetRun"))
              .build();
        }
      }
    }
    return getGetRunMethod;
  }

  private static volatile io.grpc.MethodDescriptor<io.stellwerk.v1.ListRunsRequest,
      io.stellwerk.v1.ListRunsResponse> getListRunsMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "ListRuns",
      requestType = io.stellwerk.v1.ListRunsRequest.class,
      responseType = io.stellwerk.v1.ListRunsResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<io.stellwerk.v1.ListRunsRequest,
      io.stellwerk.v1.ListRunsResponse> getListRunsMethod() {
    io.grpc.MethodDescriptor<io.stellwerk.v1.ListRunsRequest, io.stellwerk.v1.ListRunsResponse> getListRunsMethod;
    if ((getListRunsMethod = RunServiceGrpc.getListRunsMethod) == null) {
      synchronized (RunServiceGrpc.class) {
        if ((getListRunsMethod = RunServiceGrpc.getListRunsMethod) == null) {
          RunServiceGrpc.getListRunsMethod = getListRunsMethod =
              io.grpc.MethodDescriptor.<io.stellwerk.v1.ListRunsRequest, io.stellwerk.v1.ListRunsResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "ListRuns"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.stellwerk.v1.ListRunsRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.stellwerk.v1.ListRunsResponse.getDefaultInstance()))
              .setSchemaDescriptor(new RunServiceMethodDescriptorSupplier("ListRuns"))
              .build();
        }
      }
    }
    return getListRunsMethod;
  }

  private static volatile io.grpc.MethodDescriptor<io.stellwerk.v1.WaitRunRequest,
      io.stellwerk.v1.WaitRunResponse> getWaitRunMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "WaitRun",
      requestType = io.stellwerk.v1.WaitRunRequest.class,
      responseType = io.stellwerk.v1.WaitRunResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<io.stellwerk.v1.WaitRunRequest,
      io.stellwerk.v1.WaitRunResponse> getWaitRunMethod() {
    io.grpc.MethodDescriptor<io.stellwerk.v1.WaitRunRequest, io.stellwerk.v1.WaitRunResponse> getWaitRunMethod;
    if ((getWaitRunMethod = RunServiceGrpc.getWaitRunMethod) == null) {
      synchronized (RunServiceGrpc.class) {
        if ((getWaitRunMethod = RunServiceGrpc.getWaitRunMethod) == null) {
          RunServiceGrpc.getWaitRunMethod = getWaitRunMethod =
              io.grpc.MethodDescriptor.<io.stellwerk.v1.WaitRunRequest, io.stellwerk.v1.WaitRunResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "WaitRun"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.stellwerk.v1.WaitRunRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.stellwerk.v1.WaitRunResponse.getDefaultInstance()))
              .setSchemaDescriptor(new RunServiceMethodDescriptorSupplier("WaitRun"))
              .build();
        }
      }
    }
    return getWaitRunMethod;
  }

  private static volatile io.grpc.MethodDescriptor<io.stellwerk.v1.AwaitRunsRequest,
      io.stellwerk.v1.AwaitRunsResponse> getAwaitRunsMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "AwaitRuns",
      requestType = io.stellwerk.v1.AwaitRunsRequest.class,
      responseType = io.stellwerk.v1.AwaitRunsResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.BIDI_STREAMING)
  public static io.grpc.MethodDescriptor<io.stellwerk.v1.AwaitRunsRequest,
      io.stellwerk.v1.AwaitRunsResponse> getAwaitRunsMethod() {
    io.grpc.MethodDescriptor<io.stellwerk.v1.AwaitRunsRequest, io.stellwerk.v1.AwaitRunsResponse> getAwaitRunsMethod;
    if ((getAwaitRunsMethod = RunServiceGrpc.getAwaitRunsMethod) == null) {
      synchronized (RunServiceGrpc.class) {
        if ((getAwaitRunsMethod = RunServiceGrpc.getAwaitRunsMethod) == null) {
          RunServiceGrpc.getAwaitRunsMethod = getAwaitRunsMethod =
              io.grpc.MethodDescriptor.<io.stellwerk.v1.AwaitRunsRequest, io.stellwerk.v1.AwaitRunsResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.BIDI_STREAMING)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "AwaitRuns"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.stellwerk.v1.AwaitRunsRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.stellwerk.v1.AwaitRunsResponse.getDefaultInstance()))
              .setSchemaDescriptor(new RunServiceMethodDescriptorSupplier("AwaitRuns"))
              .build();
        }
      }
    }
    return getAwaitRunsMethod;
  }

  private static volatile io.grpc.MethodDescriptor<io.stellwerk.v1.WatchRunRequest,
      io.stellwerk.v1.WatchRunResponse> getWatchRunMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "WatchRun",
      requestType = io.stellwerk.v1.WatchRunRequest.class,
      responseType = io.stellwerk.v1.WatchRunResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.SERVER_STREAMING)
  public static io.grpc.MethodDescriptor<io.stellwerk.v1.WatchRunRequest,
      io.stellwerk.v1.WatchRunResponse> getWatchRunMethod() {
    io.grpc.MethodDescriptor<io.stellwerk.v1.WatchRunRequest, io.stellwerk.v1.WatchRunResponse> getWatchRunMethod;
    if ((getWatchRunMethod = RunServiceGrpc.getWatchRunMethod) == null) {
      synchronized (RunServiceGrpc.class) {
        if ((getWatchRunMethod = RunServiceGrpc.getWatchRunMethod) == null) {
          RunServiceGrpc.getWatchRunMethod = getWatchRunMethod =
              io.grpc.MethodDescriptor.<io.stellwerk.v1.WatchRunRequest, io.stellwerk.v1.WatchRunResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.SERVER_STREAMING)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "WatchRun"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.stellwerk.v1.WatchRunRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.stellwerk.v1.WatchRunResponse.getDefaultInstance()))
              .setSchemaDescriptor(new RunServiceMethodDescriptorSupplier("WatchRun"))
              .build();
        }
      }
    }
    return getWatchRunMethod;
  }

  private static volatile io.grpc.MethodDescriptor<io.stellwerk.v1.GetHistoryRequest,
      io.stellwerk.v1.GetHistoryResponse> getGetHistoryMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "GetHistory",
      requestType = io.stellwerk.v1.GetHistoryRequest.class,
      responseType = io.stellwerk.v1.GetHistoryResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<io.stellwerk.v1.GetHistoryRequest,
      io.stellwerk.v1.GetHistoryResponse> getGetHistoryMethod() {
    io.grpc.MethodDescriptor<io.stellwerk.v1.GetHistoryRequest, io.stellwerk.v1.GetHistoryResponse> getGetHistoryMethod;
    if ((getGetHistoryMethod = RunServiceGrpc.getGetHistoryMethod) == null) {
      synchronized (RunServiceGrpc.class) {
        if ((getGetHistoryMethod = RunServiceGrpc.getGetHistoryMethod) == null) {
          RunServiceGrpc.getGetHistoryMethod = getGetHistoryMethod =
              io.grpc.MethodDescriptor.<io.stellwerk.v1.GetHistoryRequest, io.stellwerk.v1.GetHistoryResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "GetHistory"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.stellwerk.v1.GetHistoryRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.stellwerk.v1.GetHistoryResponse.getDefaultInstance()))
              .setSchemaDescriptor(new RunServiceMethodDescriptorSupplier("GetHistory"))
              .build();
        }
      }
    }
    return getGetHistoryMethod;
  }

  private static volatile io.grpc.MethodDescriptor<io.stellwerk.v1.ListStepsRequest,
      io.stellwerk.v1.ListStepsResponse> getListStepsMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "ListSteps",
      requestType = io.stellwerk.v1.ListStepsRequest.class,
      responseType = io.stellwerk.v1.ListStepsResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<io.stellwerk.v1.ListStepsRequest,
      io.stellwerk.v1.ListStepsResponse> getListStepsMethod() {
    io.grpc.MethodDescriptor<io.stellwerk.v1.ListStepsRequest, io.stellwerk.v1.ListStepsResponse> getListStepsMethod;
    if ((getListStepsMethod = RunServiceGrpc.getListStepsMethod) == null) {
      synchronized (RunServiceGrpc.class) {
        if ((getListStepsMethod = RunServiceGrpc.getListStepsMethod) == null) {
          RunServiceGrpc.getListStepsMethod = getListStepsMethod =
              io.grpc.MethodDescriptor.<io.stellwerk.v1.ListStepsRequest, io.stellwerk.v1.ListStepsResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "ListSteps"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.stellwerk.v1.ListStepsRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.stellwerk.v1.ListStepsResponse.getDefaultInstance()))
              .setSchemaDescriptor(new RunServiceMethodDescriptorSupplier("ListSteps"))
              .build();
        }
      }
    }
    return getListStepsMethod;
  }

  private static volatile io.grpc.MethodDescriptor<io.stellwerk.v1.SignalRunRequest,
      io.stellwerk.v1.SignalRunResponse> getSignalRunMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "SignalRun",
      requestType = io.stellwerk.v1.SignalRunRequest.class,
      responseType = io.stellwerk.v1.SignalRunResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<io.stellwerk.v1.SignalRunRequest,
      io.stellwerk.v1.SignalRunResponse> getSignalRunMethod() {
    io.grpc.MethodDescriptor<io.stellwerk.v1.SignalRunRequest, io.stellwerk.v1.SignalRunResponse> getSignalRunMethod;
    if ((getSignalRunMethod = RunServiceGrpc.getSignalRunMethod) == null) {
      synchronized (RunServiceGrpc.class) {
        if ((getSignalRunMethod = RunServiceGrpc.getSignalRunMethod) == null) {
          RunServiceGrpc.getSignalRunMethod = getSignalRunMethod =
              io.grpc.MethodDescriptor.<io.stellwerk.v1.SignalRunRequest, io.stellwerk.v1.SignalRunResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "SignalRun"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.stellwerk.v1.SignalRunRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.stellwerk.v1.SignalRunResponse.getDefaultInstance()))
              .setSchemaDescriptor(new RunServiceMethodDescriptorSupplier("SignalRun"))
              .build();
        }
      }
    }
    return getSignalRunMethod;
  }

  private static volatile io.grpc.MethodDescriptor<io.stellwerk.v1.CancelRunRequest,
      io.stellwerk.v1.CancelRunResponse> getCancelRunMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "CancelRun",
      requestType = io.stellwerk.v1.CancelRunRequest.class,
      responseType = io.stellwerk.v1.CancelRunResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<io.stellwerk.v1.CancelRunRequest,
      io.stellwerk.v1.CancelRunResponse> getCancelRunMethod() {
    io.grpc.MethodDescriptor<io.stellwerk.v1.CancelRunRequest, io.stellwerk.v1.CancelRunResponse> getCancelRunMethod;
    if ((getCancelRunMethod = RunServiceGrpc.getCancelRunMethod) == null) {
      synchronized (RunServiceGrpc.class) {
        if ((getCancelRunMethod = RunServiceGrpc.getCancelRunMethod) == null) {
          RunServiceGrpc.getCancelRunMethod = getCancelRunMethod =
              io.grpc.MethodDescriptor.<io.stellwerk.v1.CancelRunRequest, io.stellwerk.v1.CancelRunResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "CancelRun"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.stellwerk.v1.CancelRunRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.stellwerk.v1.CancelRunResponse.getDefaultInstance()))
              .setSchemaDescriptor(new RunServiceMethodDescriptorSupplier("CancelRun"))
              .build();
        }
      }
    }
    return getCancelRunMethod;
  }

  private static volatile io.grpc.MethodDescriptor<io.stellwerk.v1.TerminateRunRequest,
      io.stellwerk.v1.TerminateRunResponse> getTerminateRunMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "TerminateRun",
      requestType = io.stellwerk.v1.TerminateRunRequest.class,
      responseType = io.stellwerk.v1.TerminateRunResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<io.stellwerk.v1.TerminateRunRequest,
      io.stellwerk.v1.TerminateRunResponse> getTerminateRunMethod() {
    io.grpc.MethodDescriptor<io.stellwerk.v1.TerminateRunRequest, io.stellwerk.v1.TerminateRunResponse> getTerminateRunMethod;
    if ((getTerminateRunMethod = RunServiceGrpc.getTerminateRunMethod) == null) {
      synchronized (RunServiceGrpc.class) {
        if ((getTerminateRunMethod = RunServiceGrpc.getTerminateRunMethod) == null) {
          RunServiceGrpc.getTerminateRunMethod = getTerminateRunMethod =
              io.grpc.MethodDescriptor.<io.stellwerk.v1.TerminateRunRequest, io.stellwerk.v1.TerminateRunResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "TerminateRun"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.stellwerk.v1.TerminateRunRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.stellwerk.v1.TerminateRunResponse.getDefaultInstance()))
              .setSchemaDescriptor(new RunServiceMethodDescriptorSupplier("TerminateRun"))
              .build();
        }
      }
    }
    return getTerminateRunMethod;
  }

  private static volatile io.grpc.MethodDescriptor<io.stellwerk.v1.RetryRunRequest,
      io.stellwerk.v1.RetryRunResponse> getRetryRunMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "RetryRun",
      requestType = io.stellwerk.v1.RetryRunRequest.class,
      responseType = io.stellwerk.v1.RetryRunResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<io.stellwerk.v1.RetryRunRequest,
      io.stellwerk.v1.RetryRunResponse> getRetryRunMethod() {
    io.grpc.MethodDescriptor<io.stellwerk.v1.RetryRunRequest, io.stellwerk.v1.RetryRunResponse> getRetryRunMethod;
    if ((getRetryRunMethod = RunServiceGrpc.getRetryRunMethod) == null) {
      synchronized (RunServiceGrpc.class) {
        if ((getRetryRunMethod = RunServiceGrpc.getRetryRunMethod) == null) {
          RunServiceGrpc.getRetryRunMethod = getRetryRunMethod =
              io.grpc.MethodDescriptor.<io.stellwerk.v1.RetryRunRequest, io.stellwerk.v1.RetryRunResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "RetryRun"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.stellwerk.v1.RetryRunRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.stellwerk.v1.RetryRunResponse.getDefaultInstance()))
              .setSchemaDescriptor(new RunServiceMethodDescriptorSupplier("RetryRun"))
              .build();
        }
      }
    }
    return getRetryRunMethod;
  }

  private static volatile io.grpc.MethodDescriptor<io.stellwerk.v1.ResumeRunRequest,
      io.stellwerk.v1.ResumeRunResponse> getResumeRunMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "ResumeRun",
      requestType = io.stellwerk.v1.ResumeRunRequest.class,
      responseType = io.stellwerk.v1.ResumeRunResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<io.stellwerk.v1.ResumeRunRequest,
      io.stellwerk.v1.ResumeRunResponse> getResumeRunMethod() {
    io.grpc.MethodDescriptor<io.stellwerk.v1.ResumeRunRequest, io.stellwerk.v1.ResumeRunResponse> getResumeRunMethod;
    if ((getResumeRunMethod = RunServiceGrpc.getResumeRunMethod) == null) {
      synchronized (RunServiceGrpc.class) {
        if ((getResumeRunMethod = RunServiceGrpc.getResumeRunMethod) == null) {
          RunServiceGrpc.getResumeRunMethod = getResumeRunMethod =
              io.grpc.MethodDescriptor.<io.stellwerk.v1.ResumeRunRequest, io.stellwerk.v1.ResumeRunResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "ResumeRun"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.stellwerk.v1.ResumeRunRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.stellwerk.v1.ResumeRunResponse.getDefaultInstance()))
              .setSchemaDescriptor(new RunServiceMethodDescriptorSupplier("ResumeRun"))
              .build();
        }
      }
    }
    return getResumeRunMethod;
  }

  private static volatile io.grpc.MethodDescriptor<io.stellwerk.v1.ExplainRunRequest,
      io.stellwerk.v1.ExplainRunResponse> getExplainRunMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "ExplainRun",
      requestType = io.stellwerk.v1.ExplainRunRequest.class,
      responseType = io.stellwerk.v1.ExplainRunResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<io.stellwerk.v1.ExplainRunRequest,
      io.stellwerk.v1.ExplainRunResponse> getExplainRunMethod() {
    io.grpc.MethodDescriptor<io.stellwerk.v1.ExplainRunRequest, io.stellwerk.v1.ExplainRunResponse> getExplainRunMethod;
    if ((getExplainRunMethod = RunServiceGrpc.getExplainRunMethod) == null) {
      synchronized (RunServiceGrpc.class) {
        if ((getExplainRunMethod = RunServiceGrpc.getExplainRunMethod) == null) {
          RunServiceGrpc.getExplainRunMethod = getExplainRunMethod =
              io.grpc.MethodDescriptor.<io.stellwerk.v1.ExplainRunRequest, io.stellwerk.v1.ExplainRunResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "ExplainRun"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.stellwerk.v1.ExplainRunRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.stellwerk.v1.ExplainRunResponse.getDefaultInstance()))
              .setSchemaDescriptor(new RunServiceMethodDescriptorSupplier("ExplainRun"))
              .build();
        }
      }
    }
    return getExplainRunMethod;
  }

  /**
   * Creates a new async stub that supports all call types for the service
   */
  public static RunServiceStub newStub(io.grpc.Channel channel) {
    io.grpc.stub.AbstractStub.StubFactory<RunServiceStub> factory =
      new io.grpc.stub.AbstractStub.StubFactory<RunServiceStub>() {
        @java.lang.Override
        public RunServiceStub newStub(io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
          return new RunServiceStub(channel, callOptions);
        }
      };
    return RunServiceStub.newStub(factory, channel);
  }

  /**
   * Creates a new blocking-style stub that supports all types of calls on the service
   */
  public static RunServiceBlockingV2Stub newBlockingV2Stub(
      io.grpc.Channel channel) {
    io.grpc.stub.AbstractStub.StubFactory<RunServiceBlockingV2Stub> factory =
      new io.grpc.stub.AbstractStub.StubFactory<RunServiceBlockingV2Stub>() {
        @java.lang.Override
        public RunServiceBlockingV2Stub newStub(io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
          return new RunServiceBlockingV2Stub(channel, callOptions);
        }
      };
    return RunServiceBlockingV2Stub.newStub(factory, channel);
  }

  /**
   * Creates a new blocking-style stub that supports unary and streaming output calls on the service
   */
  public static RunServiceBlockingStub newBlockingStub(
      io.grpc.Channel channel) {
    io.grpc.stub.AbstractStub.StubFactory<RunServiceBlockingStub> factory =
      new io.grpc.stub.AbstractStub.StubFactory<RunServiceBlockingStub>() {
        @java.lang.Override
        public RunServiceBlockingStub newStub(io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
          return new RunServiceBlockingStub(channel, callOptions);
        }
      };
    return RunServiceBlockingStub.newStub(factory, channel);
  }

  /**
   * Creates a new ListenableFuture-style stub that supports unary calls on the service
   */
  public static RunServiceFutureStub newFutureStub(
      io.grpc.Channel channel) {
    io.grpc.stub.AbstractStub.StubFactory<RunServiceFutureStub> factory =
      new io.grpc.stub.AbstractStub.StubFactory<RunServiceFutureStub>() {
        @java.lang.Override
        public RunServiceFutureStub newStub(io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
          return new RunServiceFutureStub(channel, callOptions);
        }
      };
    return RunServiceFutureStub.newStub(factory, channel);
  }

  /**
   * <pre>
   * Starts runs, reads them, waits for them and ends them.
   * </pre>
   */
  public interface AsyncService {

    /**
     * <pre>
     * Starts one run, once per idempotency key; waits for its result when asked to.
     * </pre>
     */
    default void startRun(io.stellwerk.v1.StartRunRequest request,
        io.grpc.stub.StreamObserver<io.stellwerk.v1.StartRunResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getStartRunMethod(), responseObserver);
    }

    /**
     * <pre>
     * Starts up to 1,000 runs with a verdict for each.
     * </pre>
     */
    default void startRuns(io.stellwerk.v1.StartRunsRequest request,
        io.grpc.stub.StreamObserver<io.stellwerk.v1.StartRunsResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getStartRunsMethod(), responseObserver);
    }

    /**
     */
    default void getRun(io.stellwerk.v1.GetRunRequest request,
        io.grpc.stub.StreamObserver<io.stellwerk.v1.GetRunResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getGetRunMethod(), responseObserver);
    }

    /**
     */
    default void listRuns(io.stellwerk.v1.ListRunsRequest request,
        io.grpc.stub.StreamObserver<io.stellwerk.v1.ListRunsResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getListRunsMethod(), responseObserver);
    }

    /**
     * <pre>
     * Holds the call until the run has ended or the wait is over; then answers with the run as it is.
     * </pre>
     */
    default void waitRun(io.stellwerk.v1.WaitRunRequest request,
        io.grpc.stub.StreamObserver<io.stellwerk.v1.WaitRunResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getWaitRunMethod(), responseObserver);
    }

    /**
     * <pre>
     * Run ids in, results out as the runs end; one stream serves any number of waiting callers.
     * </pre>
     */
    default io.grpc.stub.StreamObserver<io.stellwerk.v1.AwaitRunsRequest> awaitRuns(
        io.grpc.stub.StreamObserver<io.stellwerk.v1.AwaitRunsResponse> responseObserver) {
      return io.grpc.stub.ServerCalls.asyncUnimplementedStreamingCall(getAwaitRunsMethod(), responseObserver);
    }

    /**
     * <pre>
     * Events and chunks as they are committed, from a sequence on; ends when the run has ended.
     * </pre>
     */
    default void watchRun(io.stellwerk.v1.WatchRunRequest request,
        io.grpc.stub.StreamObserver<io.stellwerk.v1.WatchRunResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getWatchRunMethod(), responseObserver);
    }

    /**
     */
    default void getHistory(io.stellwerk.v1.GetHistoryRequest request,
        io.grpc.stub.StreamObserver<io.stellwerk.v1.GetHistoryResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getGetHistoryMethod(), responseObserver);
    }

    /**
     * <pre>
     * The steps of a run in order, a page at a time, each page as of one moment.
     * </pre>
     */
    default void listSteps(io.stellwerk.v1.ListStepsRequest request,
        io.grpc.stub.StreamObserver<io.stellwerk.v1.ListStepsResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getListStepsMethod(), responseObserver);
    }

    /**
     * <pre>
     * Tells an open run something, once per signal id; kept until a step waits for it.
     * </pre>
     */
    default void signalRun(io.stellwerk.v1.SignalRunRequest request,
        io.grpc.stub.StreamObserver<io.stellwerk.v1.SignalRunResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getSignalRunMethod(), responseObserver);
    }

    /**
     * <pre>
     * Ends the run as CANCELLED: nothing new is handed out, running handlers are told.
     * </pre>
     */
    default void cancelRun(io.stellwerk.v1.CancelRunRequest request,
        io.grpc.stub.StreamObserver<io.stellwerk.v1.CancelRunResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getCancelRunMethod(), responseObserver);
    }

    /**
     * <pre>
     * Ends the run as TERMINATED: as cancel, and the handlers' leases are void at once.
     * </pre>
     */
    default void terminateRun(io.stellwerk.v1.TerminateRunRequest request,
        io.grpc.stub.StreamObserver<io.stellwerk.v1.TerminateRunResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getTerminateRunMethod(), responseObserver);
    }

    /**
     * <pre>
     * Forks a new run from an ended one that keeps its finished steps.
     * </pre>
     */
    default void retryRun(io.stellwerk.v1.RetryRunRequest request,
        io.grpc.stub.StreamObserver<io.stellwerk.v1.RetryRunResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getRetryRunMethod(), responseObserver);
    }

    /**
     * <pre>
     * Has a parked run of a code workflow decided again.
     * </pre>
     */
    default void resumeRun(io.stellwerk.v1.ResumeRunRequest request,
        io.grpc.stub.StreamObserver<io.stellwerk.v1.ResumeRunResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getResumeRunMethod(), responseObserver);
    }

    /**
     * <pre>
     * Says what an open run waits for, from the rows that hand-outs go by; of an ended one, how it has ended.
     * </pre>
     */
    default void explainRun(io.stellwerk.v1.ExplainRunRequest request,
        io.grpc.stub.StreamObserver<io.stellwerk.v1.ExplainRunResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getExplainRunMethod(), responseObserver);
    }
  }

  /**
   * Base class for the server implementation of the service RunService.
   * <pre>
   * Starts runs, reads them, waits for them and ends them.
   * </pre>
   */
  public static abstract class RunServiceImplBase
      implements io.grpc.BindableService, AsyncService {

    @java.lang.Override public final io.grpc.ServerServiceDefinition bindService() {
      return RunServiceGrpc.bindService(this);
    }
  }

  /**
   * A stub to allow clients to do asynchronous rpc calls to service RunService.
   * <pre>
   * Starts runs, reads them, waits for them and ends them.
   * </pre>
   */
  public static final class RunServiceStub
      extends io.grpc.stub.AbstractAsyncStub<RunServiceStub> {
    private RunServiceStub(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      super(channel, callOptions);
    }

    @java.lang.Override
    protected RunServiceStub build(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      return new RunServiceStub(channel, callOptions);
    }

    /**
     * <pre>
     * Starts one run, once per idempotency key; waits for its result when asked to.
     * </pre>
     */
    public void startRun(io.stellwerk.v1.StartRunRequest request,
        io.grpc.stub.StreamObserver<io.stellwerk.v1.StartRunResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getStartRunMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Starts up to 1,000 runs with a verdict for each.
     * </pre>
     */
    public void startRuns(io.stellwerk.v1.StartRunsRequest request,
        io.grpc.stub.StreamObserver<io.stellwerk.v1.StartRunsResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getStartRunsMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     */
    public void getRun(io.stellwerk.v1.GetRunRequest request,
        io.grpc.stub.StreamObserver<io.stellwerk.v1.GetRunResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getGetRunMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     */
    public void listRuns(io.stellwerk.v1.ListRunsRequest request,
        io.grpc.stub.StreamObserver<io.stellwerk.v1.ListRunsResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getListRunsMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Holds the call until the run has ended or the wait is over; then answers with the run as it is.
     * </pre>
     */
    public void waitRun(io.stellwerk.v1.WaitRunRequest request,
        io.grpc.stub.StreamObserver<io.stellwerk.v1.WaitRunResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getWaitRunMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Run ids in, results out as the runs end; one stream serves any number of waiting callers.
     * </pre>
     */
    public io.grpc.stub.StreamObserver<io.stellwerk.v1.AwaitRunsRequest> awaitRuns(
        io.grpc.stub.StreamObserver<io.stellwerk.v1.AwaitRunsResponse> responseObserver) {
      return io.grpc.stub.ClientCalls.asyncBidiStreamingCall(
          getChannel().newCall(getAwaitRunsMethod(), getCallOptions()), responseObserver);
    }

    /**
     * <pre>
     * Events and chunks as they are committed, from a sequence on; ends when the run has ended.
     * </pre>
     */
    public void watchRun(io.stellwerk.v1.WatchRunRequest request,
        io.grpc.stub.StreamObserver<io.stellwerk.v1.WatchRunResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncServerStreamingCall(
          getChannel().newCall(getWatchRunMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     */
    public void getHistory(io.stellwerk.v1.GetHistoryRequest request,
        io.grpc.stub.StreamObserver<io.stellwerk.v1.GetHistoryResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getGetHistoryMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * The steps of a run in order, a page at a time, each page as of one moment.
     * </pre>
     */
    public void listSteps(io.stellwerk.v1.ListStepsRequest request,
        io.grpc.stub.StreamObserver<io.stellwerk.v1.ListStepsResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getListStepsMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Tells an open run something, once per signal id; kept until a step waits for it.
     * </pre>
     */
    public void signalRun(io.stellwerk.v1.SignalRunRequest request,
        io.grpc.stub.StreamObserver<io.stellwerk.v1.SignalRunResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getSignalRunMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Ends the run as CANCELLED: nothing new is handed out, running handlers are told.
     * </pre>
     */
    public void cancelRun(io.stellwerk.v1.CancelRunRequest request,
        io.grpc.stub.StreamObserver<io.stellwerk.v1.CancelRunResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getCancelRunMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Ends the run as TERMINATED: as cancel, and the handlers' leases are void at once.
     * </pre>
     */
    public void terminateRun(io.stellwerk.v1.TerminateRunRequest request,
        io.grpc.stub.StreamObserver<io.stellwerk.v1.TerminateRunResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getTerminateRunMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Forks a new run from an ended one that keeps its finished steps.
     * </pre>
     */
    public void retryRun(io.stellwerk.v1.RetryRunRequest request,
        io.grpc.stub.StreamObserver<io.stellwerk.v1.RetryRunResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getRetryRunMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Has a parked run of a code workflow decided again.
     * </pre>
     */
    public void resumeRun(io.stellwerk.v1.ResumeRunRequest request,
        io.grpc.stub.StreamObserver<io.stellwerk.v1.ResumeRunResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getResumeRunMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Says what an open run waits for, from the rows that hand-outs go by; of an ended one, how it has ended.
     * </pre>
     */
    public void explainRun(io.stellwerk.v1.ExplainRunRequest request,
        io.grpc.stub.StreamObserver<io.stellwerk.v1.ExplainRunResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getExplainRunMethod(), getCallOptions()), request, responseObserver);
    }
  }

  /**
   * A stub to allow clients to do synchronous rpc calls to service RunService.
   * <pre>
   * Starts runs, reads them, waits for them and ends them.
   * </pre>
   */
  public static final class RunServiceBlockingV2Stub
      extends io.grpc.stub.AbstractBlockingStub<RunServiceBlockingV2Stub> {
    private RunServiceBlockingV2Stub(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      super(channel, callOptions);
    }

    @java.lang.Override
    protected RunServiceBlockingV2Stub build(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      return new RunServiceBlockingV2Stub(channel, callOptions);
    }

    /**
     * <pre>
     * Starts one run, once per idempotency key; waits for its result when asked to.
     * </pre>
     */
    public io.stellwerk.v1.StartRunResponse startRun(io.stellwerk.v1.StartRunRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getStartRunMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Starts up to 1,000 runs with a verdict for each.
     * </pre>
     */
    public io.stellwerk.v1.StartRunsResponse startRuns(io.stellwerk.v1.StartRunsRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getStartRunsMethod(), getCallOptions(), request);
    }

    /**
     */
    public io.stellwerk.v1.GetRunResponse getRun(io.stellwerk.v1.GetRunRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getGetRunMethod(), getCallOptions(), request);
    }

    /**
     */
    public io.stellwerk.v1.ListRunsResponse listRuns(io.stellwerk.v1.ListRunsRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getListRunsMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Holds the call until the run has ended or the wait is over; then answers with the run as it is.
     * </pre>
     */
    public io.stellwerk.v1.WaitRunResponse waitRun(io.stellwerk.v1.WaitRunRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getWaitRunMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Run ids in, results out as the runs end; one stream serves any number of waiting callers.
     * </pre>
     */
    @io.grpc.ExperimentalApi("https://github.com/grpc/grpc-java/issues/10918")
    public io.grpc.stub.BlockingClientCall<io.stellwerk.v1.AwaitRunsRequest, io.stellwerk.v1.AwaitRunsResponse>
        awaitRuns() {
      return io.grpc.stub.ClientCalls.blockingBidiStreamingCall(
          getChannel(), getAwaitRunsMethod(), getCallOptions());
    }

    /**
     * <pre>
     * Events and chunks as they are committed, from a sequence on; ends when the run has ended.
     * </pre>
     */
    @io.grpc.ExperimentalApi("https://github.com/grpc/grpc-java/issues/10918")
    public io.grpc.stub.BlockingClientCall<?, io.stellwerk.v1.WatchRunResponse>
        watchRun(io.stellwerk.v1.WatchRunRequest request) {
      return io.grpc.stub.ClientCalls.blockingV2ServerStreamingCall(
          getChannel(), getWatchRunMethod(), getCallOptions(), request);
    }

    /**
     */
    public io.stellwerk.v1.GetHistoryResponse getHistory(io.stellwerk.v1.GetHistoryRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getGetHistoryMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * The steps of a run in order, a page at a time, each page as of one moment.
     * </pre>
     */
    public io.stellwerk.v1.ListStepsResponse listSteps(io.stellwerk.v1.ListStepsRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getListStepsMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Tells an open run something, once per signal id; kept until a step waits for it.
     * </pre>
     */
    public io.stellwerk.v1.SignalRunResponse signalRun(io.stellwerk.v1.SignalRunRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getSignalRunMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Ends the run as CANCELLED: nothing new is handed out, running handlers are told.
     * </pre>
     */
    public io.stellwerk.v1.CancelRunResponse cancelRun(io.stellwerk.v1.CancelRunRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getCancelRunMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Ends the run as TERMINATED: as cancel, and the handlers' leases are void at once.
     * </pre>
     */
    public io.stellwerk.v1.TerminateRunResponse terminateRun(io.stellwerk.v1.TerminateRunRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getTerminateRunMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Forks a new run from an ended one that keeps its finished steps.
     * </pre>
     */
    public io.stellwerk.v1.RetryRunResponse retryRun(io.stellwerk.v1.RetryRunRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getRetryRunMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Has a parked run of a code workflow decided again.
     * </pre>
     */
    public io.stellwerk.v1.ResumeRunResponse resumeRun(io.stellwerk.v1.ResumeRunRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getResumeRunMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Says what an open run waits for, from the rows that hand-outs go by; of an ended one, how it has ended.
     * </pre>
     */
    public io.stellwerk.v1.ExplainRunResponse explainRun(io.stellwerk.v1.ExplainRunRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getExplainRunMethod(), getCallOptions(), request);
    }
  }

  /**
   * A stub to allow clients to do limited synchronous rpc calls to service RunService.
   * <pre>
   * Starts runs, reads them, waits for them and ends them.
   * </pre>
   */
  public static final class RunServiceBlockingStub
      extends io.grpc.stub.AbstractBlockingStub<RunServiceBlockingStub> {
    private RunServiceBlockingStub(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      super(channel, callOptions);
    }

    @java.lang.Override
    protected RunServiceBlockingStub build(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      return new RunServiceBlockingStub(channel, callOptions);
    }

    /**
     * <pre>
     * Starts one run, once per idempotency key; waits for its result when asked to.
     * </pre>
     */
    public io.stellwerk.v1.StartRunResponse startRun(io.stellwerk.v1.StartRunRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getStartRunMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Starts up to 1,000 runs with a verdict for each.
     * </pre>
     */
    public io.stellwerk.v1.StartRunsResponse startRuns(io.stellwerk.v1.StartRunsRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getStartRunsMethod(), getCallOptions(), request);
    }

    /**
     */
    public io.stellwerk.v1.GetRunResponse getRun(io.stellwerk.v1.GetRunRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getGetRunMethod(), getCallOptions(), request);
    }

    /**
     */
    public io.stellwerk.v1.ListRunsResponse listRuns(io.stellwerk.v1.ListRunsRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getListRunsMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Holds the call until the run has ended or the wait is over; then answers with the run as it is.
     * </pre>
     */
    public io.stellwerk.v1.WaitRunResponse waitRun(io.stellwerk.v1.WaitRunRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getWaitRunMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Events and chunks as they are committed, from a sequence on; ends when the run has ended.
     * </pre>
     */
    public java.util.Iterator<io.stellwerk.v1.WatchRunResponse> watchRun(
        io.stellwerk.v1.WatchRunRequest request) {
      return io.grpc.stub.ClientCalls.blockingServerStreamingCall(
          getChannel(), getWatchRunMethod(), getCallOptions(), request);
    }

    /**
     */
    public io.stellwerk.v1.GetHistoryResponse getHistory(io.stellwerk.v1.GetHistoryRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getGetHistoryMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * The steps of a run in order, a page at a time, each page as of one moment.
     * </pre>
     */
    public io.stellwerk.v1.ListStepsResponse listSteps(io.stellwerk.v1.ListStepsRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getListStepsMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Tells an open run something, once per signal id; kept until a step waits for it.
     * </pre>
     */
    public io.stellwerk.v1.SignalRunResponse signalRun(io.stellwerk.v1.SignalRunRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getSignalRunMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Ends the run as CANCELLED: nothing new is handed out, running handlers are told.
     * </pre>
     */
    public io.stellwerk.v1.CancelRunResponse cancelRun(io.stellwerk.v1.CancelRunRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getCancelRunMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Ends the run as TERMINATED: as cancel, and the handlers' leases are void at once.
     * </pre>
     */
    public io.stellwerk.v1.TerminateRunResponse terminateRun(io.stellwerk.v1.TerminateRunRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getTerminateRunMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Forks a new run from an ended one that keeps its finished steps.
     * </pre>
     */
    public io.stellwerk.v1.RetryRunResponse retryRun(io.stellwerk.v1.RetryRunRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getRetryRunMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Has a parked run of a code workflow decided again.
     * </pre>
     */
    public io.stellwerk.v1.ResumeRunResponse resumeRun(io.stellwerk.v1.ResumeRunRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getResumeRunMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Says what an open run waits for, from the rows that hand-outs go by; of an ended one, how it has ended.
     * </pre>
     */
    public io.stellwerk.v1.ExplainRunResponse explainRun(io.stellwerk.v1.ExplainRunRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getExplainRunMethod(), getCallOptions(), request);
    }
  }

  /**
   * A stub to allow clients to do ListenableFuture-style rpc calls to service RunService.
   * <pre>
   * Starts runs, reads them, waits for them and ends them.
   * </pre>
   */
  public static final class RunServiceFutureStub
      extends io.grpc.stub.AbstractFutureStub<RunServiceFutureStub> {
    private RunServiceFutureStub(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      super(channel, callOptions);
    }

    @java.lang.Override
    protected RunServiceFutureStub build(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      return new RunServiceFutureStub(channel, callOptions);
    }

    /**
     * <pre>
     * Starts one run, once per idempotency key; waits for its result when asked to.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<io.stellwerk.v1.StartRunResponse> startRun(
        io.stellwerk.v1.StartRunRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getStartRunMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * Starts up to 1,000 runs with a verdict for each.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<io.stellwerk.v1.StartRunsResponse> startRuns(
        io.stellwerk.v1.StartRunsRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getStartRunsMethod(), getCallOptions()), request);
    }

    /**
     */
    public com.google.common.util.concurrent.ListenableFuture<io.stellwerk.v1.GetRunResponse> getRun(
        io.stellwerk.v1.GetRunRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getGetRunMethod(), getCallOptions()), request);
    }

    /**
     */
    public com.google.common.util.concurrent.ListenableFuture<io.stellwerk.v1.ListRunsResponse> listRuns(
        io.stellwerk.v1.ListRunsRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getListRunsMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * Holds the call until the run has ended or the wait is over; then answers with the run as it is.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<io.stellwerk.v1.WaitRunResponse> waitRun(
        io.stellwerk.v1.WaitRunRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getWaitRunMethod(), getCallOptions()), request);
    }

    /**
     */
    public com.google.common.util.concurrent.ListenableFuture<io.stellwerk.v1.GetHistoryResponse> getHistory(
        io.stellwerk.v1.GetHistoryRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getGetHistoryMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * The steps of a run in order, a page at a time, each page as of one moment.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<io.stellwerk.v1.ListStepsResponse> listSteps(
        io.stellwerk.v1.ListStepsRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getListStepsMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * Tells an open run something, once per signal id; kept until a step waits for it.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<io.stellwerk.v1.SignalRunResponse> signalRun(
        io.stellwerk.v1.SignalRunRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getSignalRunMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * Ends the run as CANCELLED: nothing new is handed out, running handlers are told.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<io.stellwerk.v1.CancelRunResponse> cancelRun(
        io.stellwerk.v1.CancelRunRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getCancelRunMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * Ends the run as TERMINATED: as cancel, and the handlers' leases are void at once.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<io.stellwerk.v1.TerminateRunResponse> terminateRun(
        io.stellwerk.v1.TerminateRunRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getTerminateRunMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * Forks a new run from an ended one that keeps its finished steps.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<io.stellwerk.v1.RetryRunResponse> retryRun(
        io.stellwerk.v1.RetryRunRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getRetryRunMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * Has a parked run of a code workflow decided again.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<io.stellwerk.v1.ResumeRunResponse> resumeRun(
        io.stellwerk.v1.ResumeRunRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getResumeRunMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * Says what an open run waits for, from the rows that hand-outs go by; of an ended one, how it has ended.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<io.stellwerk.v1.ExplainRunResponse> explainRun(
        io.stellwerk.v1.ExplainRunRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getExplainRunMethod(), getCallOptions()), request);
    }
  }

  private static final int METHODID_START_RUN = 0;
  private static final int METHODID_START_RUNS = 1;
  private static final int METHODID_GET_RUN = 2;
  private static final int METHODID_LIST_RUNS = 3;
  private static final int METHODID_WAIT_RUN = 4;
  private static final int METHODID_WATCH_RUN = 5;
  private static final int METHODID_GET_HISTORY = 6;
  private static final int METHODID_LIST_STEPS = 7;
  private static final int METHODID_SIGNAL_RUN = 8;
  private static final int METHODID_CANCEL_RUN = 9;
  private static final int METHODID_TERMINATE_RUN = 10;
  private static final int METHODID_RETRY_RUN = 11;
  private static final int METHODID_RESUME_RUN = 12;
  private static final int METHODID_EXPLAIN_RUN = 13;
  private static final int METHODID_AWAIT_RUNS = 14;

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
        case METHODID_START_RUN:
          serviceImpl.startRun((io.stellwerk.v1.StartRunRequest) request,
              (io.grpc.stub.StreamObserver<io.stellwerk.v1.StartRunResponse>) responseObserver);
          break;
        case METHODID_START_RUNS:
          serviceImpl.startRuns((io.stellwerk.v1.StartRunsRequest) request,
              (io.grpc.stub.StreamObserver<io.stellwerk.v1.StartRunsResponse>) responseObserver);
          break;
        case METHODID_GET_RUN:
          serviceImpl.getRun((io.stellwerk.v1.GetRunRequest) request,
              (io.grpc.stub.StreamObserver<io.stellwerk.v1.GetRunResponse>) responseObserver);
          break;
        case METHODID_LIST_RUNS:
          serviceImpl.listRuns((io.stellwerk.v1.ListRunsRequest) request,
              (io.grpc.stub.StreamObserver<io.stellwerk.v1.ListRunsResponse>) responseObserver);
          break;
        case METHODID_WAIT_RUN:
          serviceImpl.waitRun((io.stellwerk.v1.WaitRunRequest) request,
              (io.grpc.stub.StreamObserver<io.stellwerk.v1.WaitRunResponse>) responseObserver);
          break;
        case METHODID_WATCH_RUN:
          serviceImpl.watchRun((io.stellwerk.v1.WatchRunRequest) request,
              (io.grpc.stub.StreamObserver<io.stellwerk.v1.WatchRunResponse>) responseObserver);
          break;
        case METHODID_GET_HISTORY:
          serviceImpl.getHistory((io.stellwerk.v1.GetHistoryRequest) request,
              (io.grpc.stub.StreamObserver<io.stellwerk.v1.GetHistoryResponse>) responseObserver);
          break;
        case METHODID_LIST_STEPS:
          serviceImpl.listSteps((io.stellwerk.v1.ListStepsRequest) request,
              (io.grpc.stub.StreamObserver<io.stellwerk.v1.ListStepsResponse>) responseObserver);
          break;
        case METHODID_SIGNAL_RUN:
          serviceImpl.signalRun((io.stellwerk.v1.SignalRunRequest) request,
              (io.grpc.stub.StreamObserver<io.stellwerk.v1.SignalRunResponse>) responseObserver);
          break;
        case METHODID_CANCEL_RUN:
          serviceImpl.cancelRun((io.stellwerk.v1.CancelRunRequest) request,
              (io.grpc.stub.StreamObserver<io.stellwerk.v1.CancelRunResponse>) responseObserver);
          break;
        case METHODID_TERMINATE_RUN:
          serviceImpl.terminateRun((io.stellwerk.v1.TerminateRunRequest) request,
              (io.grpc.stub.StreamObserver<io.stellwerk.v1.TerminateRunResponse>) responseObserver);
          break;
        case METHODID_RETRY_RUN:
          serviceImpl.retryRun((io.stellwerk.v1.RetryRunRequest) request,
              (io.grpc.stub.StreamObserver<io.stellwerk.v1.RetryRunResponse>) responseObserver);
          break;
        case METHODID_RESUME_RUN:
          serviceImpl.resumeRun((io.stellwerk.v1.ResumeRunRequest) request,
              (io.grpc.stub.StreamObserver<io.stellwerk.v1.ResumeRunResponse>) responseObserver);
          break;
        case METHODID_EXPLAIN_RUN:
          serviceImpl.explainRun((io.stellwerk.v1.ExplainRunRequest) request,
              (io.grpc.stub.StreamObserver<io.stellwerk.v1.ExplainRunResponse>) responseObserver);
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
        case METHODID_AWAIT_RUNS:
          return (io.grpc.stub.StreamObserver<Req>) serviceImpl.awaitRuns(
              (io.grpc.stub.StreamObserver<io.stellwerk.v1.AwaitRunsResponse>) responseObserver);
        default:
          throw new AssertionError();
      }
    }
  }

  public static final io.grpc.ServerServiceDefinition bindService(AsyncService service) {
    return io.grpc.ServerServiceDefinition.builder(getServiceDescriptor())
        .addMethod(
          getStartRunMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              io.stellwerk.v1.StartRunRequest,
              io.stellwerk.v1.StartRunResponse>(
                service, METHODID_START_RUN)))
        .addMethod(
          getStartRunsMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              io.stellwerk.v1.StartRunsRequest,
              io.stellwerk.v1.StartRunsResponse>(
                service, METHODID_START_RUNS)))
        .addMethod(
          getGetRunMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              io.stellwerk.v1.GetRunRequest,
              io.stellwerk.v1.GetRunResponse>(
                service, METHODID_GET_RUN)))
        .addMethod(
          getListRunsMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              io.stellwerk.v1.ListRunsRequest,
              io.stellwerk.v1.ListRunsResponse>(
                service, METHODID_LIST_RUNS)))
        .addMethod(
          getWaitRunMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              io.stellwerk.v1.WaitRunRequest,
              io.stellwerk.v1.WaitRunResponse>(
                service, METHODID_WAIT_RUN)))
        .addMethod(
          getAwaitRunsMethod(),
          io.grpc.stub.ServerCalls.asyncBidiStreamingCall(
            new MethodHandlers<
              io.stellwerk.v1.AwaitRunsRequest,
              io.stellwerk.v1.AwaitRunsResponse>(
                service, METHODID_AWAIT_RUNS)))
        .addMethod(
          getWatchRunMethod(),
          io.grpc.stub.ServerCalls.asyncServerStreamingCall(
            new MethodHandlers<
              io.stellwerk.v1.WatchRunRequest,
              io.stellwerk.v1.WatchRunResponse>(
                service, METHODID_WATCH_RUN)))
        .addMethod(
          getGetHistoryMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              io.stellwerk.v1.GetHistoryRequest,
              io.stellwerk.v1.GetHistoryResponse>(
                service, METHODID_GET_HISTORY)))
        .addMethod(
          getListStepsMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              io.stellwerk.v1.ListStepsRequest,
              io.stellwerk.v1.ListStepsResponse>(
                service, METHODID_LIST_STEPS)))
        .addMethod(
          getSignalRunMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              io.stellwerk.v1.SignalRunRequest,
              io.stellwerk.v1.SignalRunResponse>(
                service, METHODID_SIGNAL_RUN)))
        .addMethod(
          getCancelRunMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              io.stellwerk.v1.CancelRunRequest,
              io.stellwerk.v1.CancelRunResponse>(
                service, METHODID_CANCEL_RUN)))
        .addMethod(
          getTerminateRunMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              io.stellwerk.v1.TerminateRunRequest,
              io.stellwerk.v1.TerminateRunResponse>(
                service, METHODID_TERMINATE_RUN)))
        .addMethod(
          getRetryRunMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              io.stellwerk.v1.RetryRunRequest,
              io.stellwerk.v1.RetryRunResponse>(
                service, METHODID_RETRY_RUN)))
        .addMethod(
          getResumeRunMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              io.stellwerk.v1.ResumeRunRequest,
              io.stellwerk.v1.ResumeRunResponse>(
                service, METHODID_RESUME_RUN)))
        .addMethod(
          getExplainRunMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              io.stellwerk.v1.ExplainRunRequest,
              io.stellwerk.v1.ExplainRunResponse>(
                service, METHODID_EXPLAIN_RUN)))
        .build();
  }

  private static abstract class RunServiceBaseDescriptorSupplier
      implements io.grpc.protobuf.ProtoFileDescriptorSupplier, io.grpc.protobuf.ProtoServiceDescriptorSupplier {
    RunServiceBaseDescriptorSupplier() {}

    @java.lang.Override
    public com.google.protobuf.Descriptors.FileDescriptor getFileDescriptor() {
      return io.stellwerk.v1.RunOuterClass.getDescriptor();
    }

    @java.lang.Override
    public com.google.protobuf.Descriptors.ServiceDescriptor getServiceDescriptor() {
      return getFileDescriptor().findServiceByName("RunService");
    }
  }

  private static final class RunServiceFileDescriptorSupplier
      extends RunServiceBaseDescriptorSupplier {
    RunServiceFileDescriptorSupplier() {}
  }

  private static final class RunServiceMethodDescriptorSupplier
      extends RunServiceBaseDescriptorSupplier
      implements io.grpc.protobuf.ProtoMethodDescriptorSupplier {
    private final java.lang.String methodName;

    RunServiceMethodDescriptorSupplier(java.lang.String methodName) {
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
      synchronized (RunServiceGrpc.class) {
        result = serviceDescriptor;
        if (result == null) {
          serviceDescriptor = result = io.grpc.ServiceDescriptor.newBuilder(SERVICE_NAME)
              .setSchemaDescriptor(new RunServiceFileDescriptorSupplier())
              .addMethod(getStartRunMethod())
              .addMethod(getStartRunsMethod())
              .addMethod(getGetRunMethod())
              .addMethod(getListRunsMethod())
              .addMethod(getWaitRunMethod())
              .addMethod(getAwaitRunsMethod())
              .addMethod(getWatchRunMethod())
              .addMethod(getGetHistoryMethod())
              .addMethod(getListStepsMethod())
              .addMethod(getSignalRunMethod())
              .addMethod(getCancelRunMethod())
              .addMethod(getTerminateRunMethod())
              .addMethod(getRetryRunMethod())
              .addMethod(getResumeRunMethod())
              .addMethod(getExplainRunMethod())
              .build();
        }
      }
    }
    return result;
  }
}
