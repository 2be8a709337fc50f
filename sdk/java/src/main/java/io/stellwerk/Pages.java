package io.stellwerk;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;

/**
 * A list whose pages are read as it is walked; each walk begins anew. Walking blocks, and throws RequestErrors.
 *
 * @param <T> what it lists
 */
public final class Pages<T> implements Iterable<T> {
    private static final int PAGE_SIZE_MAX = 500;

    private final Source<T> source;
    private final long limit;

    /** One page: its items and the token of the next, empty for the last. */
    record Page<T>(List<T> items, String nextPageToken) {}

    /** Asks for a page. */
    interface Source<T> {
        CompletableFuture<Page<T>> page(String pageToken, int pageSize);
    }

    Pages(Source<T> source, long limit) {
        this.source = source;
        this.limit = limit;
    }

    @Override
    public Iterator<T> iterator() {
        return new Walk();
    }

    /** The items one after the other; pages are read as needed. */
    public Stream<T> stream() {
        return StreamSupport.stream(spliterator(), false);
    }

    /** All items. */
    public List<T> toList() {
        return stream().toList();
    }

    private final class Walk implements Iterator<T> {
        private final Deque<T> items = new ArrayDeque<>();
        private long left = limit;
        private String pageToken = "";
        private boolean last;

        @Override
        public boolean hasNext() {
            while (items.isEmpty() && !last && left > 0) {
                Page<T> page = Futures.await(source.page(pageToken, (int) Math.min(left, PAGE_SIZE_MAX)));
                items.addAll(page.items());
                pageToken = page.nextPageToken();
                last = pageToken.isEmpty();
            }
            return left > 0 && !items.isEmpty();
        }

        @Override
        public T next() {
            if (!hasNext()) {
                throw new NoSuchElementException();
            }
            left--;
            return items.remove();
        }
    }
}
