package io.stellwerk;

import com.google.protobuf.Timestamp;
import io.grpc.stub.StreamObserver;
import io.stellwerk.v1.AwaitRunsRequest;
import io.stellwerk.v1.AwaitRunsResponse;
import io.stellwerk.v1.CancelRunRequest;
import io.stellwerk.v1.CancelRunResponse;
import io.stellwerk.v1.ExplainRunRequest;
import io.stellwerk.v1.ExplainRunResponse;
import io.stellwerk.v1.GetHistoryRequest;
import io.stellwerk.v1.GetHistoryResponse;
import io.stellwerk.v1.GetRunRequest;
import io.stellwerk.v1.GetRunResponse;
import io.stellwerk.v1.ListRunsRequest;
import io.stellwerk.v1.ListRunsResponse;
import io.stellwerk.v1.RetryRunRequest;
import io.stellwerk.v1.RetryRunResponse;
import io.stellwerk.v1.RunServiceGrpc;
import io.stellwerk.v1.SignalRunRequest;
import io.stellwerk.v1.SignalRunResponse;
import io.stellwerk.v1.StartRunRequest;
import io.stellwerk.v1.StartRunResponse;
import io.stellwerk.v1.StartRunsRequest;
import io.stellwerk.v1.StartRunsResponse;
import io.stellwerk.v1.TerminateRunRequest;
import io.stellwerk.v1.TerminateRunResponse;
import io.stellwerk.v1.WatchRunRequest;
import io.stellwerk.v1.WatchRunResponse;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.function.Supplier;

/** The fake server's side for clients: runs. */
final class FakeRuns extends RunServiceGrpc.RunServiceImplBase {
    private static final long LOOK_MS = 5;

    private final FakeServer server;

    FakeRuns(FakeServer server) {
        this.server = server;
    }

    @Override
    public void startRuns(StartRunsRequest request, StreamObserver<StartRunsResponse> answers) {
        answer(server, "StartRuns", request, answers, () -> {
            var response = StartRunsResponse.newBuilder();
            server.change(() -> request.getStartsList().forEach(start -> response.addResults(begin(start))));
            return response.build();
        });
    }

    private StartRunResponse begin(StartRunRequest start) {
        if (!server.startRefusals.isEmpty()) {
            return StartRunResponse.newBuilder()
                    .setRefusal(server.startRefusals.poll())
                    .build();
        }
        String runId = "run_" + start.getRequestId();
        if (server.endAtOnce) {
            server.end(runId, io.stellwerk.v1.RunState.RUN_STATE_SUCCEEDED, Payloads.decode(start.getInput()));
        }
        return StartRunResponse.newBuilder().setRunId(runId).build();
    }

    @Override
    public StreamObserver<AwaitRunsRequest> awaitRuns(StreamObserver<AwaitRunsResponse> answers) {
        try {
            server.enter("AwaitRuns", AwaitRunsRequest.getDefaultInstance());
        } catch (RuntimeException refusal) {
            answers.onError(refusal);
            return new FakeWorkers.Requests<>(answers) {
                @Override
                public void onNext(AwaitRunsRequest request) {}
            };
        }
        Set<String> asked = new LinkedHashSet<>();
        var teller = new Thread(() -> tell(asked, answers));
        teller.setDaemon(true);
        teller.start();
        return new FakeWorkers.Requests<>(answers) {
            @Override
            public void onNext(AwaitRunsRequest request) {
                server.enter("ids", request);
                server.change(() -> asked.addAll(request.getRunIdsList()));
            }

            @Override
            public void onError(Throwable cancelled) {
                teller.interrupt();
            }
        };
    }

    private void tell(Set<String> asked, StreamObserver<AwaitRunsResponse> answers) {
        try {
            while (true) {
                var response = AwaitRunsResponse.newBuilder();
                synchronized (server) {
                    for (String runId : List.copyOf(asked)) {
                        if (server.runs.containsKey(runId)) {
                            response.addResults(server.runs.get(runId));
                        } else if (runId.startsWith("unknown")) {
                            response.addUnknown(runId);
                        } else {
                            continue;
                        }
                        asked.remove(runId);
                    }
                    if (response.getResultsCount() + response.getUnknownCount() == 0) {
                        server.wait(LOOK_MS);
                        continue;
                    }
                }
                answers.onNext(response.build());
            }
        } catch (InterruptedException | RuntimeException ended) {
            Thread.currentThread().interrupt();
        }
    }

    @Override
    public void watchRun(WatchRunRequest request, StreamObserver<WatchRunResponse> answers) {
        List<WatchRunResponse> messages = server.look(() -> server.watches.poll());
        (messages == null ? List.<WatchRunResponse>of() : messages).forEach(answers::onNext);
        try {
            server.enter("WatchRun", request);
            answers.onCompleted();
        } catch (RuntimeException refusal) {
            answers.onError(refusal);
        }
    }

    @Override
    public void getRun(GetRunRequest request, StreamObserver<GetRunResponse> answers) {
        var step = io.stellwerk.v1.Step.newBuilder().setStep("s1").setState(io.stellwerk.v1.StepState.STEP_STATE_DEAD);
        var run = io.stellwerk.v1.Run.newBuilder()
                .setRunId(request.getRunId())
                .setState(io.stellwerk.v1.RunState.RUN_STATE_FAILED)
                .setCreateTime(Timestamp.newBuilder().setSeconds(1_000_000_000))
                .addSteps(step);
        answer(
                server,
                "GetRun",
                request,
                answers,
                () -> GetRunResponse.newBuilder().setRun(run).build());
    }

    @Override
    public void explainRun(ExplainRunRequest request, StreamObserver<ExplainRunResponse> answers) {
        var again = io.stellwerk.v1.Cause.newBuilder()
                .setKind(io.stellwerk.v1.CauseKind.CAUSE_KIND_BACKING_OFF)
                .setStep("s1")
                .setAttempt(3)
                .setDueTime(Timestamp.newBuilder().setSeconds(1_000_000_000))
                .setFailure(io.stellwerk.v1.Failure.newBuilder().setType("Boom"));
        var child = io.stellwerk.v1.Cause.newBuilder()
                .setKind(io.stellwerk.v1.CauseKind.CAUSE_KIND_CHILD_RUN)
                .setChildState(io.stellwerk.v1.RunState.RUN_STATE_BLOCKED);
        var response = ExplainRunResponse.newBuilder()
                .setRunId(request.getRunId())
                .setState(io.stellwerk.v1.RunState.RUN_STATE_RUNNING)
                .setSummary("it backs off")
                .setMoreCauses(4)
                .addCauses(again)
                .addCauses(child)
                .addCauses(io.stellwerk.v1.Cause.newBuilder().setKindValue(99).setSentence("of a newer server"));
        answer(server, "ExplainRun", request, answers, response::build);
    }

    @Override
    public void listRuns(ListRunsRequest request, StreamObserver<ListRunsResponse> answers) {
        int page = request.getPageToken().isEmpty() ? 0 : Integer.parseInt(request.getPageToken());
        var response = ListRunsResponse.newBuilder().setNextPageToken(page < 2 ? Integer.toString(page + 1) : "");
        for (int index = 0; index < 2; index++) {
            response.addRuns(io.stellwerk.v1.Run.newBuilder().setRunId("run_" + page + index));
        }
        answer(server, "ListRuns", request, answers, response::build);
    }

    @Override
    public void getHistory(GetHistoryRequest request, StreamObserver<GetHistoryResponse> answers) {
        var event = io.stellwerk.v1.Event.newBuilder()
                .setSequence(1)
                .setType("RUN_STARTED")
                .build();
        answer(
                server,
                "GetHistory",
                request,
                answers,
                () -> GetHistoryResponse.newBuilder()
                        .addAllEvents(server.look(
                                () -> server.histories.getOrDefault(request.getRunId(), java.util.List.of(event))))
                        .build());
    }

    @Override
    public void cancelRun(CancelRunRequest request, StreamObserver<CancelRunResponse> answers) {
        answer(
                server,
                "CancelRun",
                request,
                answers,
                () -> CancelRunResponse.newBuilder()
                        .setState(io.stellwerk.v1.RunState.RUN_STATE_CANCELLED)
                        .build());
    }

    @Override
    public void signalRun(SignalRunRequest request, StreamObserver<SignalRunResponse> answers) {
        answer(
                server,
                "SignalRun",
                request,
                answers,
                () -> SignalRunResponse.newBuilder()
                        .setRunId("run_1")
                        .setDeduplicated(!request.getSignal().getSignalId().isEmpty())
                        .build());
    }

    @Override
    public void terminateRun(TerminateRunRequest request, StreamObserver<TerminateRunResponse> answers) {
        answer(
                server,
                "TerminateRun",
                request,
                answers,
                () -> TerminateRunResponse.newBuilder()
                        .setState(io.stellwerk.v1.RunState.RUN_STATE_TERMINATED)
                        .build());
    }

    @Override
    public void retryRun(RetryRunRequest request, StreamObserver<RetryRunResponse> answers) {
        answer(
                server,
                "RetryRun",
                request,
                answers,
                () -> RetryRunResponse.newBuilder().setRunId("run_fork").build());
    }

    /** The life of a unary call. */
    static <A> void answer(
            FakeServer server,
            String method,
            com.google.protobuf.Message request,
            StreamObserver<A> answers,
            Supplier<A> response) {
        try {
            server.enter(method, request);
            answers.onNext(response.get());
            answers.onCompleted();
        } catch (RuntimeException refusal) {
            answers.onError(refusal);
        }
    }
}
