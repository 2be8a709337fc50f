package io.stellwerk;

/** A payload does not fit the class it was asked for as. */
public final class InputError extends StellwerkError {
    private final String field;
    private final String expected;
    private final String came;

    InputError(String field, String expected, String came, Throwable cause) {
        super(field + ": expected " + expected + ", came " + came, cause);
        this.field = field;
        this.expected = expected;
        this.came = came;
    }

    /** Path of the value that does not fit ("input.items[2].price"). */
    public String field() {
        return field;
    }

    /** What would have fitted. */
    public String expected() {
        return expected;
    }

    /** What came instead. */
    public String came() {
        return came;
    }
}
