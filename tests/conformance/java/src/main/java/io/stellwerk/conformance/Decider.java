package io.stellwerk.conformance;

import io.stellwerk.WorkflowContext;
import java.nio.file.Path;

/**
 * The code workflow of the conformance cases: it runs the program it gets as input. Must not know any case: what a
 * program may say stands in tests/conformance/README.md.
 *
 * @param folder where latches and notes are
 * @param queue of its steps
 * @param build which code it plays
 */
record Decider(Folder folder, String queue, String build, LocalSteps local) {
    static Decider of(Path path, String queue, String build) {
        var folder = new Folder(path);
        return new Decider(folder, queue, build, new LocalSteps(folder));
    }

    /** The workflow's code. */
    Object decide(WorkflowContext ctx, Object program) throws Exception {
        return new Code(ctx, Values.cast(program), this).toEnd();
    }
}
