package io.stellwerk;

/**
 * Takes a workflow's thread out of its function: the run is evicted, or goes on elsewhere. An Error, so that code which
 * catches its exceptions lets it pass. Must never leave the thread.
 */
final class Unwinding extends Error {
    Unwinding(String why) {
        super(why, null, false, false);
    }
}
