package io.stellwerk;

import io.grpc.stub.ServerCallStreamObserver;
import io.grpc.stub.StreamObserver;
import io.stellwerk.v1.CompleteTaskRequest;
import io.stellwerk.v1.CompleteTaskResponse;
import io.stellwerk.v1.Decision;
import io.stellwerk.v1.HeartbeatRequest;
import io.stellwerk.v1.HeartbeatResponse;
import io.stellwerk.v1.Journal;
import io.stellwerk.v1.PollTaskRequest;
import io.stellwerk.v1.PollTaskResponse;
import io.stellwerk.v1.Refusal;
import io.stellwerk.v1.StreamResultRequest;
import io.stellwerk.v1.StreamResultResponse;
import io.stellwerk.v1.TaskResult;
import io.stellwerk.v1.TaskVerdict;
import io.stellwerk.v1.WorkerServiceGrpc;
import java.util.Deque;

/** The fake server's side for workers. */
final class FakeWorkers extends WorkerServiceGrpc.WorkerServiceImplBase {
    private static final long LOOK_MS = 10;

    private final FakeServer server;

    FakeWorkers(FakeServer server) {
        this.server = server;
    }

    @Override
    public void pollTask(PollTaskRequest request, StreamObserver<PollTaskResponse> answers) {
        try {
            server.enter("PollTask", request);
            answers.onNext(tasks(request, (ServerCallStreamObserver<PollTaskResponse>) answers));
            answers.onCompleted();
        } catch (RuntimeException refusal) {
            answers.onError(refusal);
        }
    }

    private PollTaskResponse tasks(PollTaskRequest request, ServerCallStreamObserver<PollTaskResponse> call) {
        synchronized (server) {
            while (server.tasks.isEmpty() && !call.isCancelled()) {
                try {
                    server.wait(LOOK_MS);
                } catch (InterruptedException stopped) {
                    throw FakeServer.refusal(io.grpc.Status.Code.UNAVAILABLE);
                }
            }
            var response = PollTaskResponse.newBuilder();
            while (!call.isCancelled() && !server.tasks.isEmpty() && response.getTasksCount() < request.getMaxTasks()) {
                response.addTasks(server.tasks.poll());
            }
            server.notifyAll();
            return response.build();
        }
    }

    @Override
    public void completeTask(CompleteTaskRequest request, StreamObserver<CompleteTaskResponse> answers) {
        try {
            server.enter("CompleteTask", request);
        } catch (RuntimeException refusal) {
            answers.onError(refusal);
            return;
        }
        var response = CompleteTaskResponse.newBuilder();
        server.change(() -> request.getResultsList().forEach(result -> response.addVerdicts(judge(result))));
        answers.onNext(response.build());
        answers.onCompleted();
    }

    private TaskVerdict judge(TaskResult result) {
        Deque<Refusal> refusals = server.verdicts.get(result.getToken());
        if (refusals != null && !refusals.isEmpty()) {
            return TaskVerdict.newBuilder().setRefusal(refusals.poll()).build();
        }
        if (result.hasDecision()) {
            server.decisions.add(result);
            return result.getDecision().getKeep() ? kept(result.getDecision()) : TaskVerdict.getDefaultInstance();
        }
        server.results.put(result.getToken(), result);
        return TaskVerdict.getDefaultInstance();
    }

    /** What has come in meanwhile, and then the decision's own events. */
    private TaskVerdict kept(Decision decision) {
        var journal = Journal.newBuilder()
                .setAfterSequence(decision.getSequence())
                .setSequence(decision.getSequence() + server.news.size() + decision.getCommandsCount())
                .addAllEvents(server.news);
        server.news.clear();
        return TaskVerdict.newBuilder().setJournal(journal).build();
    }

    @Override
    public StreamObserver<HeartbeatRequest> heartbeat(StreamObserver<HeartbeatResponse> answers) {
        server.enter("Heartbeat", HeartbeatRequest.getDefaultInstance());
        answers.onNext(
                HeartbeatResponse.newBuilder().setIntervalMs(server.intervalMs).build());
        return new Requests<>(answers) {
            @Override
            public void onNext(HeartbeatRequest request) {
                server.enter("beat", request);
                var response = HeartbeatResponse.newBuilder();
                server.change(() -> {
                    response.addAllCancelled(server.cancels).setDraining(server.draining);
                    server.cancels.clear();
                    server.draining = false;
                });
                if (response.getCancelledCount() > 0 || response.getDraining()) {
                    answers.onNext(response.build());
                }
            }
        };
    }

    @Override
    public StreamObserver<StreamResultRequest> streamResult(StreamObserver<StreamResultResponse> answers) {
        server.enter("StreamResult", StreamResultRequest.getDefaultInstance());
        return new Requests<>(answers) {
            @Override
            public void onNext(StreamResultRequest request) {
                try {
                    server.enter("chunk", request);
                } catch (RuntimeException refusal) {
                    answers.onError(refusal);
                    return;
                }
                var response = StreamResultResponse.newBuilder()
                        .setToken(request.getToken())
                        .setSequence(request.getSequence());
                if (server.chunkRefusal != null) {
                    response.setRefusal(server.chunkRefusal);
                }
                answers.onNext(response.build());
            }
        };
    }

    /** The client's half of a stream; when it ends so does ours. */
    abstract static class Requests<Q> implements StreamObserver<Q> {
        private final StreamObserver<?> answers;

        Requests(StreamObserver<?> answers) {
            this.answers = answers;
        }

        @Override
        public void onError(Throwable cancelled) {}

        @Override
        public void onCompleted() {
            answers.onCompleted();
        }
    }
}
