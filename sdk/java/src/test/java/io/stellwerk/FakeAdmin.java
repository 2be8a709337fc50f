package io.stellwerk;

import io.grpc.stub.StreamObserver;
import io.stellwerk.v1.AdminServiceGrpc;
import io.stellwerk.v1.GetServerRequest;
import io.stellwerk.v1.GetServerResponse;
import io.stellwerk.v1.ListWorkersRequest;
import io.stellwerk.v1.ListWorkersResponse;

/** The fake server's side for operators. */
final class FakeAdmin extends AdminServiceGrpc.AdminServiceImplBase {
    private final FakeServer server;

    FakeAdmin(FakeServer server) {
        this.server = server;
    }

    @Override
    public void getServer(GetServerRequest request, StreamObserver<GetServerResponse> answers) {
        FakeRuns.answer(
                server,
                "GetServer",
                request,
                answers,
                () -> GetServerResponse.newBuilder().setVersion("9").build());
    }

    @Override
    public void listWorkers(ListWorkersRequest request, StreamObserver<ListWorkersResponse> answers) {
        var worker = io.stellwerk.v1.Worker.newBuilder().setWorkerId("w").setSlots(3);
        FakeRuns.answer(
                server,
                "ListWorkers",
                request,
                answers,
                () -> ListWorkersResponse.newBuilder().addWorkers(worker).build());
    }
}
