package io.stellwerk;

import io.stellwerk.v1.Payload;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.Flow;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.stream.Stream;

/** Streams what a handler gives bit by bit: each element is a chunk, the output is all of them. Must not poll or send. */
final class Drain {
    private Drain() {}

    /** True when this output is to be streamed. */
    static boolean isStream(Object output) {
        return output instanceof Iterator || output instanceof Stream || output instanceof Flow.Publisher;
    }

    /** Send each element, blocking for as long as it takes; gives all of them as one value. */
    static Payload all(HeldTask held, Object output) throws Exception {
        if (output instanceof Stream<?> stream) {
            try (stream) {
                return each(held, stream.iterator());
            }
        }
        if (output instanceof Flow.Publisher<?> publisher) {
            var elements = new Elements();
            publisher.subscribe(elements);
            try {
                return each(held, elements);
            } finally {
                elements.cancel();
            }
        }
        Iterator<?> iterator = (Iterator<?>) output;
        try {
            return each(held, iterator);
        } finally {
            if (iterator instanceof AutoCloseable closeable) {
                closeable.close();
            }
        }
    }

    private static Payload each(HeldTask held, Iterator<?> elements) {
        List<Payload> chunks = new ArrayList<>();
        while (elements.hasNext()) {
            Payload chunk = Payloads.encode(elements.next());
            chunks.add(chunk);
            held.send(chunk);
        }
        return Payloads.joined(chunks);
    }

    /** A publisher's elements, asked for one by one. */
    private static final class Elements implements Flow.Subscriber<Object>, Iterator<Object> {
        private static final Object END = new Object();

        private final BlockingQueue<Object> arrived = new LinkedBlockingQueue<>();
        private volatile Flow.Subscription subscription;
        private Object next;

        /** What the publisher failed with, on its way to the handler's thread. */
        private record Failed(Throwable error) {}

        @Override
        public void onSubscribe(Flow.Subscription given) {
            subscription = given;
            given.request(1);
        }

        @Override
        public void onNext(Object element) {
            arrived.add(element);
        }

        @Override
        public void onError(Throwable error) {
            arrived.add(new Failed(error));
        }

        @Override
        public void onComplete() {
            arrived.add(END);
        }

        @Override
        public boolean hasNext() {
            if (next == null) {
                try {
                    next = arrived.take();
                } catch (InterruptedException interrupted) {
                    throw Elements.<RuntimeException>sneaky(interrupted);
                }
            }
            if (next instanceof Failed failed) {
                throw Elements.<RuntimeException>sneaky(failed.error());
            }
            return next != END;
        }

        @Override
        public Object next() {
            if (!hasNext()) {
                throw new NoSuchElementException();
            }
            Object element = next;
            next = null;
            subscription.request(1);
            return element;
        }

        void cancel() {
            Flow.Subscription open = subscription;
            if (open != null) {
                open.cancel();
            }
        }

        /** The publisher's error as it is: it becomes the failure. */
        @SuppressWarnings("unchecked")
        private static <E extends Throwable> E sneaky(Throwable error) throws E {
            throw (E) error;
        }
    }
}
