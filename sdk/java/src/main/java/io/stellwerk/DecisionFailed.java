package io.stellwerk;

import io.stellwerk.v1.Failure;
import io.stellwerk.v1.FailureCategory;

/** The code of a run has done what it must not: the decision fails with this type and message, the run goes on. */
final class DecisionFailed extends Exception {
    static final String NON_DETERMINISM = "NonDeterminism";

    private final String type;
    private final String place;

    private DecisionFailed(String type, String message, String place) {
        super(message, null, false, false);
        this.type = type;
        this.place = place;
    }

    static DecisionFailed nonDeterminism(String difference) {
        return new DecisionFailed(NON_DETERMINISM, difference, "");
    }

    static DecisionFailed waitsForNothing() {
        String message = "the code waits for something that is not ctx's: nothing is open and it has not ended";
        return new DecisionFailed("WaitsForNothing", message, "");
    }

    static DecisionFailed tooManyCommands(int open, int most) {
        String message = open + " commands are open, at most " + most + " may be: wait for some first";
        return new DecisionFailed("TooManyCommands", message, "");
    }

    /** {@code stack} is where the code's thread is. */
    static DecisionFailed blocked(long seconds, StackTraceElement[] stack) {
        var text = new StringBuilder();
        for (StackTraceElement frame : stack) {
            text.append("\tat ").append(frame).append('\n');
        }
        String where = stack.length == 0 ? "its thread has not begun" : shown(userFrame(stack));
        String message = "the code has not come to a wait for " + seconds + " s: " + where;
        return new DecisionFailed("WorkflowBlocked", message, text.toString());
    }

    String type() {
        return type;
    }

    Failure failure() {
        return Failure.newBuilder()
                .setType(type)
                .setMessage(Failures.clean(getMessage()))
                .setStack(Failures.clean(place))
                .setCategory(FailureCategory.FAILURE_CATEGORY_USER)
                .setTerminal(type.equals(NON_DETERMINISM))
                .build();
    }

    private static String shown(StackTraceElement frame) {
        String place = frame.getFileName() + ":" + frame.getLineNumber();
        return frame.getClassName() + "." + frame.getMethodName() + "(" + place + ")";
    }

    private static StackTraceElement userFrame(StackTraceElement[] stack) {
        for (StackTraceElement frame : stack) {
            String name = frame.getClassName();
            if (frame.getModuleName() == null && !name.startsWith("jdk.") && !name.startsWith("java.")) {
                return frame;
            }
        }
        return stack[0];
    }
}
