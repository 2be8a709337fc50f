package io.stellwerk.examples;

import com.fasterxml.jackson.annotation.JsonProperty;
import io.stellwerk.RunCancelled;
import io.stellwerk.SignalTimeout;
import io.stellwerk.TaskContext;
import io.stellwerk.Worker;
import io.stellwerk.WorkflowContext;
import java.time.Duration;
import java.util.Map;

/**
 * The approval worker: an expense waits for somebody's word, is paid, or what was done for it is undone. Serves
 * 127.0.0.1:7400, or STELLWERK_ADDRESS.
 */
public final class ApprovalWorker {
    private static final Duration PATIENCE = Duration.ofDays(3);

    record Expense(
            String who,
            long amount,
            @JsonProperty("patience_s") Double patienceS) {
        Duration patience() {
            return patienceS == null ? PATIENCE : Duration.ofMillis(Math.round(patienceS * 1000));
        }
    }

    record Answer(boolean approved, String by) {}

    record Payment(String who, long amount) {}

    record Receipt(long paid, String to, String key) {}

    record Notice(String who, String by) {}

    record Paid(String state, String by, Receipt receipt) {}

    record TurnedDown(String state, String by, String notice) {}

    private ApprovalWorker() {}

    static Object approval(WorkflowContext ctx, Expense expense) {
        ctx.setAttributes(Map.of("who", expense.who(), "amount", expense.amount()));
        ctx.step("approval.reserve", expense.amount());
        ctx.publish("state", "waiting for approval");
        var answer = answerTo(ctx, expense);
        return answer.approved() ? pay(ctx, expense, answer.by()) : turnDown(ctx, expense, answer.by());
    }

    /** What somebody says, or that nobody says anything; nothing stays set aside for a run that is cancelled meanwhile. */
    private static Answer answerTo(WorkflowContext ctx, Expense expense) {
        try {
            return ctx.waitSignal("approval", Answer.class, expense.patience());
        } catch (SignalTimeout nobody) {
            return new Answer(false, "nobody");
        } catch (RunCancelled cancelled) {
            ctx.step("approval.release", expense.amount());
            throw cancelled;
        }
    }

    private static Paid pay(WorkflowContext ctx, Expense expense, String by) {
        ctx.publish("state", "paying");
        var payment = new Payment(expense.who(), expense.amount());
        var receipt = ctx.step("approval.pay", payment, Receipt.class);
        ctx.publish("state", "paid");
        return new Paid("paid", by, receipt);
    }

    /** Undo the reservation and tell whoever waits for the money. */
    private static TurnedDown turnDown(WorkflowContext ctx, Expense expense, String by) {
        ctx.step("approval.release", expense.amount());
        var notice = ctx.step("approval.notify", new Notice(expense.who(), by), String.class);
        ctx.publish("state", "turned down");
        return new TurnedDown("turned down", by, notice);
    }

    static String reserve(Long amount) {
        return amount + " are set aside";
    }

    static String release(Long amount) {
        return amount + " are free again";
    }

    /** The key is the same in every attempt: a bank that is asked twice pays once. */
    static Receipt transfer(Payment payment, TaskContext ctx) {
        return new Receipt(payment.amount(), payment.who(), ctx.idempotencyKey());
    }

    static String tell(Notice notice) {
        return "Dear %s, your expense was turned down by %s.".formatted(notice.who(), notice.by());
    }

    static Worker worker() {
        var worker = new Worker();
        worker.workflow("approval", Expense.class, ApprovalWorker::approval);
        worker.register("approval.reserve", Long.class, ApprovalWorker::reserve);
        worker.register("approval.release", Long.class, ApprovalWorker::release);
        worker.register("approval.pay", Payment.class, ApprovalWorker::transfer);
        worker.register("approval.notify", Notice.class, ApprovalWorker::tell);
        return worker;
    }

    public static void main(String[] args) {
        worker().start();
    }
}
