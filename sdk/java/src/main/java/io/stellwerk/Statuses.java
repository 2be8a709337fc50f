package io.stellwerk;

import com.google.protobuf.Any;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.rpc.BadRequest;
import com.google.rpc.ErrorInfo;
import com.google.rpc.RetryInfo;
import io.grpc.Status;
import io.grpc.protobuf.StatusProto;
import io.stellwerk.v1.Refusal;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;

/**
 * gRPC statuses and refusals of single items to RequestErrors, and which of them are worth another try. The only place
 * that reads google.rpc details.
 */
final class Statuses {
    /** After these the same request is sent again. CANCELLED here is the server's or a proxy's, never ours. */
    private static final Set<String> RETRYABLE =
            Set.of("UNAVAILABLE", "ABORTED", "RESOURCE_EXHAUSTED", "DEADLINE_EXCEEDED", "CANCELLED");

    private static final List<String> CUT_STREAMS = List.of("RST_STREAM", "Rst Stream", "Stream removed", "GOAWAY");

    private Statuses() {}

    /** The error of a failed call; {@code target} is named when the server could not be reached. */
    static RequestError of(Throwable error, Target target) {
        Status status = Status.fromThrowable(error);
        RequestError.Facts facts =
                facts(StatusProto.fromThrowable(error), status.getCode().name());
        String text = status.getDescription();
        if (text == null) {
            text = status.getCause() == null
                    ? facts.code()
                    : String.valueOf(status.getCause().getMessage());
        }
        if (facts.code().equals("UNAVAILABLE") && facts.reason().isEmpty()) {
            text = "no Stellwerk server answers at " + target.described() + ": " + transportWords(status, text);
        }
        return create(text, facts);
    }

    /** The error of one refused item of a batch. */
    static RequestError of(Refusal refusal) {
        var facts = new RequestError.Facts(
                codeName(refusal.getCode()),
                refusal.getReason(),
                Map.copyOf(refusal.getMetadataMap()),
                Wire.problems(refusal.getFieldsList()),
                null);
        return create(refusal.getMessage().isEmpty() ? refusal.getReason() : refusal.getMessage(), facts);
    }

    /** True when sending the same request again may help (and, with its request id, cannot hurt). */
    static boolean isRetryable(RequestError error) {
        if (RETRYABLE.contains(error.code())) {
            return !error.reason().equals("PAYLOAD_TOO_LARGE");
        }
        return isServersFault(error) && CUT_STREAMS.stream().anyMatch(error.text()::contains);
    }

    static boolean isServersFault(RequestError error) {
        return error.code().equals("INTERNAL") || error.code().equals("UNKNOWN");
    }

    /** True when the server does not take what the request holds, however often it is sent. */
    static boolean blamesContent(RequestError error) {
        if (error.reason().equals("LEASE_LOST")) {
            return false;
        }
        return error.code().equals("INVALID_ARGUMENT")
                || error.code().equals("OUT_OF_RANGE")
                || error.reason().equals("PAYLOAD_TOO_LARGE");
    }

    static RequestError create(String text, RequestError.Facts facts) {
        return switch (facts.reason()) {
            case "LEASE_LOST" -> new LeaseLost(text, facts);
            case "RUN_TERMINAL" -> new RunTerminal(text, facts);
            case "IDEMPOTENCY_KEY_REUSED" -> new IdempotencyKeyReused(text, facts);
            case "PAYLOAD_TOO_LARGE" -> new PayloadTooLarge(text, facts);
            default -> byCode(text, facts);
        };
    }

    private static RequestError byCode(String text, RequestError.Facts facts) {
        return switch (facts.code()) {
            case "INVALID_ARGUMENT", "OUT_OF_RANGE" -> new InvalidArgument(text, facts);
            case "NOT_FOUND" -> new NotFound(text, facts);
            case "ALREADY_EXISTS" -> new AlreadyExists(text, facts);
            case "FAILED_PRECONDITION" -> new FailedPrecondition(text, facts);
            case "RESOURCE_EXHAUSTED" -> new ResourceExhausted(text, facts);
            case "UNAUTHENTICATED" -> new Unauthenticated(text, facts);
            case "PERMISSION_DENIED" -> new PermissionDenied(text, facts);
            case "DEADLINE_EXCEEDED" -> new DeadlineExceeded(text, facts);
            case "UNAVAILABLE" -> new Unavailable(text, facts);
            default -> new RequestError(text, facts);
        };
    }

    /** "io exception" alone says nothing; what led to it does. */
    private static String transportWords(Status status, String text) {
        Throwable cause = status.getCause();
        return text.equals("io exception") && cause != null && cause.getMessage() != null ? cause.getMessage() : text;
    }

    private static String codeName(int number) {
        return Stream.of(Status.Code.values())
                .filter(code -> code.value() == number)
                .map(Enum::name)
                .findFirst()
                .orElse("UNKNOWN");
    }

    private static RequestError.Facts facts(com.google.rpc.Status status, String code) {
        RequestError.Facts facts = RequestError.Facts.of(code);
        if (status == null) {
            return facts;
        }
        for (Any detail : status.getDetailsList()) {
            try {
                facts = with(facts, detail);
            } catch (InvalidProtocolBufferException broken) {
                return facts;
            }
        }
        return facts;
    }

    private static RequestError.Facts with(RequestError.Facts facts, Any detail) throws InvalidProtocolBufferException {
        if (detail.is(ErrorInfo.class)) {
            ErrorInfo info = detail.unpack(ErrorInfo.class);
            Map<String, String> metadata = Map.copyOf(info.getMetadataMap());
            return new RequestError.Facts(facts.code(), info.getReason(), metadata, facts.fields(), facts.retryAfter());
        }
        if (detail.is(BadRequest.class)) {
            List<FieldProblem> fields = Wire.each(
                    detail.unpack(BadRequest.class).getFieldViolationsList(),
                    problem -> new FieldProblem(problem.getField(), problem.getDescription()));
            return new RequestError.Facts(facts.code(), facts.reason(), facts.metadata(), fields, facts.retryAfter());
        }
        if (detail.is(RetryInfo.class)) {
            var delay = detail.unpack(RetryInfo.class).getRetryDelay();
            Duration retryAfter = Duration.ofSeconds(delay.getSeconds(), delay.getNanos());
            return new RequestError.Facts(facts.code(), facts.reason(), facts.metadata(), facts.fields(), retryAfter);
        }
        return facts;
    }
}
