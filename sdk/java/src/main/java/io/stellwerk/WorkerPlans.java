package io.stellwerk;

import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * What a worker can do: the handlers of its actions, and the workflows it decides.
 *
 * @param workflows by name, sorted
 */
record WorkerPlans(Map<String, HandlerPlan> handlers, SortedMap<String, WorkflowPlan> workflows) {
    WorkerPlans(Map<String, HandlerPlan> handlers, Map<String, WorkflowPlan> workflows) {
        this(Map.copyOf(handlers), new TreeMap<>(workflows));
    }

    /** The actions it has handlers for, sorted. */
    List<String> actions() {
        return handlers.keySet().stream().sorted().toList();
    }

    /** The actions that decisions come by, sorted. */
    List<String> decisions() {
        return workflows.keySet().stream().map(WorkflowPlan::action).toList();
    }
}
