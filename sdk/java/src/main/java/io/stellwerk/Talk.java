package io.stellwerk;

/** The two sides of a conversation over a {@link Duplex}; all calls come in the loop. */
interface Talk<Q, A> {
    /** The next message to send, or null when there is none now. */
    Q take();

    /** The stream is new: whatever is not answered yet has to be said again. */
    void restart();

    /** An answer came. */
    void receive(A message);

    /** True while an answer is missing; a broken stream is opened again only then. */
    boolean isBusy();

    /** The stream broke, and will be opened again if still busy. */
    void failed(RequestError problem);
}
