package io.stellwerk.examples;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;

import io.stellwerk.TaskContext;
import io.stellwerk.TerminalError;
import io.stellwerk.Worker;
import java.io.IOException;
import java.net.URI;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.SecureDirectoryStream;
import java.nio.file.attribute.BasicFileAttributeView;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Predicate;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * The census worker: three handlers, registered by name, that a Stellwerk server hands tasks to.
 *
 * <p>A file's name need not be UTF-8, and the figures must be right all the same. A Path keeps the bytes of its name,
 * but as text they pass through the locale's character set; only its URI shows them. So names are text of
 * percent-encoded bytes here, and become a Path by way of a URI.
 */
public final class CensusWorker {
    private static final List<String> SKIP =
            List.of((".git .hg .svn .venv venv node_modules __pycache__ .tox .nox build dist target"
                            + " *.egg-info *_cache .hypothesis .idea .gradle .make .stellwerk")
                    .split(" "));
    private static final int CHUNK_EVERY_FILES = 200;
    private static final int READ_BYTES = 1 << 16;
    private static final int UNREADABLE_SHOWN = 20;

    /** Files, lines and bytes of something. */
    record Totals(long files, long lines, long bytes) {
        static final Totals NOTHING = new Totals(0, 0, 0);

        Totals plus(Totals other) {
            return new Totals(files + other.files, lines + other.lines, bytes + other.bytes);
        }

        static Totals of(Map<String, Totals> languages) {
            return languages.values().stream().reduce(NOTHING, Totals::plus);
        }

        @Override
        public String toString() {
            return String.format(Locale.ROOT, "%,d files, %,d lines, %,d bytes", files, lines, bytes);
        }
    }

    /** The workflow's input. */
    record Request(String folder, List<String> skip, String report) {}

    /** One folder of the tree. */
    record Part(String root, String folder) {}

    /** What is in one folder. */
    record Count(String folder, Map<String, Totals> languages, List<String> unreadable) {}

    /** What the report is made of. */
    record Counts(Request request, List<Count> counts) {}

    /** What the run gives. */
    record Report(
            int folders,
            Totals total,
            Map<String, Totals> languages,
            List<String> unreadable,
            String report,
            String markdown) {}

    private CensusWorker() {}

    /** Every folder of the tree, from the top; links are not followed. */
    static List<String> folders(Request request, TaskContext ctx) {
        var root = toText(request.folder().getBytes(UTF_8));
        if (!Files.isDirectory(path(root))) {
            throw new TerminalError("folder: expected a folder, came '%s'".formatted(request.folder()), "NoSuchFolder");
        }
        var skipped = skipping(request.skip() == null ? SKIP : request.skip());
        var found = new ArrayList<String>();
        var waiting = new ArrayDeque<>(List.of(""));
        while (!waiting.isEmpty()) {
            var folder = waiting.pop();
            found.add(folder.isEmpty() ? "." : folder);
            var below = new ArrayList<>(foldersIn(join(root, folder)));
            below.removeIf(skipped);
            Collections.reverse(below);
            for (var name : below) waiting.push(join(folder, name));
            ctx.heartbeat(Map.of("folders", found.size()));
        }
        return found;
    }

    /** Count the files of one folder, without those below it; every chunk says how far it is. */
    static Count count(Part part, TaskContext ctx) {
        var languages = new LinkedHashMap<String, Totals>();
        var unreadable = new ArrayList<String>();
        var seen = 0;
        for (var file : filesOf(join(toText(part.root().getBytes(UTF_8)), part.folder()), unreadable)) {
            try {
                languages.merge(languageOf(file), measure(path(file)), Totals::plus);
            } catch (IOException unread) {
                unreadable.add(file);
                continue;
            }
            seen += 1;
            if (seen % CHUNK_EVERY_FILES == 0) ctx.stream("%s: %d files so far".formatted(shown(part.folder()), seen));
        }
        if (seen > 0) ctx.stream("%s: %s".formatted(shown(part.folder()), Totals.of(languages)));
        return new Count(part.folder(), languages, unreadable);
    }

    /** Add everything up and write the Markdown. */
    static Report report(Counts counted) throws IOException {
        var request = counted.request();
        var languages = new LinkedHashMap<String, Totals>();
        var unreadable = new ArrayList<String>();
        for (var part : counted.counts()) {
            part.languages().forEach((name, totals) -> languages.merge(name, totals, Totals::plus));
            unreadable.addAll(part.unreadable());
        }
        var folders = counted.counts().size();
        var markdown = markdown(
                request.folder(),
                languages,
                folders,
                unreadable.stream().map(CensusWorker::shown).toList());
        if (request.report() != null && !request.report().isEmpty()) {
            Files.writeString(path(toText(request.report().getBytes(UTF_8))), markdown);
        }
        return new Report(folders, Totals.of(languages), languages, unreadable, request.report(), markdown);
    }

    /** Whether a folder of this name is left out; * stands for anything. */
    static Predicate<String> skipping(List<String> patterns) {
        var names = patterns.stream()
                .map(pattern -> Arrays.stream(raw(pattern.getBytes(UTF_8)).split("\\*", -1))
                        .map(Pattern::quote)
                        .collect(Collectors.joining(".*")))
                .collect(Collectors.joining("|"));
        var matching = Pattern.compile(names, Pattern.DOTALL).asMatchPredicate();
        return name -> matching.test(raw(fromText(name)));
    }

    /** The names of the folders right in a folder; none when it cannot be read, which `count` will tell. */
    static List<String> foldersIn(String folder) {
        try {
            return namesIn(folder, BasicFileAttributes::isDirectory);
        } catch (IOException unread) {
            return List.of();
        }
    }

    /** The regular files right in a folder, no links, pipes or sockets; notes a folder that cannot be read. */
    static List<String> filesOf(String folder, List<String> unreadable) {
        try {
            return namesIn(folder, BasicFileAttributes::isRegularFile).stream()
                    .map(name -> join(folder, name))
                    .toList();
        } catch (IOException unread) {
            unreadable.add(folder);
            return List.of();
        }
    }

    /** The names of some entries of a folder, in the order of their bytes. */
    static List<String> namesIn(String folder, Predicate<BasicFileAttributes> wanted) throws IOException {
        var names = new ArrayList<byte[]>();
        // Secure: asked of the open folder, so an entry whose whole path is too long is seen all the same.
        try (var entries = (SecureDirectoryStream<Path>) Files.newDirectoryStream(path(folder))) {
            for (var entry : entries) {
                var view = entries.getFileAttributeView(
                        entry.getFileName(), BasicFileAttributeView.class, LinkOption.NOFOLLOW_LINKS);
                if (wanted.test(view.readAttributes()))
                    names.add(fromText(name(entry.toUri().getRawPath())));
            }
        } catch (DirectoryIteratorException broken) {
            throw broken.getCause();
        }
        names.sort(Arrays::compareUnsigned);
        return names.stream().map(CensusWorker::toText).toList();
    }

    static String name(String path) {
        var trimmed = path.endsWith("/") ? path.substring(0, path.length() - 1) : path;
        return trimmed.substring(trimmed.lastIndexOf('/') + 1);
    }

    static String join(String folder, String name) {
        return folder.isEmpty() || folder.endsWith("/") ? folder + name : folder + "/" + name;
    }

    /** Lines as `wc -l` counts them (newline bytes) and bytes as `wc -c` does, of one and the same reading. */
    static Totals measure(Path path) throws IOException {
        long lines = 0;
        long size = 0;
        var piece = new byte[READ_BYTES];
        try (var file = Files.newInputStream(path)) {
            for (int length; (length = file.read(piece)) > 0; size += length) {
                for (int at = 0; at < length; at++) if (piece[at] == '\n') lines++;
            }
        }
        return new Totals(1, lines, size);
    }

    /** The report: a table, most lines first. */
    static String markdown(String folder, Map<String, Totals> languages, int folders, List<String> unreadable) {
        var lines = new ArrayList<>(List.of(
                "# Census of " + folder,
                "",
                String.format(
                        Locale.ROOT, "%,d folders. Lines are newline characters, as `wc -l` counts them.", folders),
                "",
                "| Language | Files | Lines | Bytes |",
                "|---|--:|--:|--:|"));
        languages.entrySet().stream()
                .sorted(Comparator.comparing((Map.Entry<String, Totals> each) ->
                                -each.getValue().lines())
                        .thenComparing(Map.Entry::getKey))
                .forEach(each -> lines.add(row(each.getKey(), each.getValue())));
        lines.add(row("**all**", Totals.of(languages)));
        if (!unreadable.isEmpty()) {
            var more = unreadable.size() - UNREADABLE_SHOWN;
            lines.add("");
            lines.add(String.format(
                    Locale.ROOT, "%,d files and folders could not be read and are in no figure:", unreadable.size()));
            lines.add("");
            unreadable.stream().limit(UNREADABLE_SHOWN).forEach(path -> lines.add("- `" + path + "`"));
            if (more > 0) lines.add(String.format(Locale.ROOT, "- and %,d more", more));
        }
        lines.add("");
        return String.join("\n", lines);
    }

    /** One line of the table. */
    static String row(String name, Totals totals) {
        return String.format(
                Locale.ROOT, "| %s | %,d | %,d | %,d |", name, totals.files(), totals.lines(), totals.bytes());
    }

    /** The absolute path of percent-encoded bytes, byte for byte, whatever the locale. */
    static Path path(String text) {
        var escaped = new StringBuilder("file://");
        for (var each : fromText(text)) escaped.append(each == '/' ? "/" : "%%%02X".formatted(each));
        return Path.of(URI.create(escaped.toString()));
    }

    /** A name as text that any payload can carry: all but printable ASCII, and the percent sign, is encoded. */
    static String toText(byte[] name) {
        return ENCODED.matcher(raw(name))
                .replaceAll(found -> "%%%02X".formatted((int) found.group().charAt(0)));
    }

    /** The name again, byte for byte. */
    static byte[] fromText(String text) {
        return PERCENT.matcher(text)
                .replaceAll(
                        found -> Matcher.quoteReplacement(String.valueOf((char) Integer.parseInt(found.group(1), 16))))
                .getBytes(ISO_8859_1);
    }

    private static final Pattern ENCODED = Pattern.compile("[^ -~]|%");
    private static final Pattern PERCENT = Pattern.compile("%([0-9A-F]{2})");

    /** Bytes as text of one character each. */
    static String raw(byte[] bytes) {
        return new String(bytes, ISO_8859_1);
    }

    /** The name for people: as it is when it is UTF-8, without what would play tricks on a terminal. */
    static String shown(String text) {
        try {
            var name = UTF_8.newDecoder().decode(ByteBuffer.wrap(fromText(text)));
            return TRICKS.matcher(name).replaceAll("\ufffd");
        } catch (CharacterCodingException notUtf8) {
            return text;
        }
    }

    private static final Pattern TRICKS =
            Pattern.compile("[\\x00-\\x1f\\x7f-\\x9f\\u200b-\\u200f\\u2028-\\u202e\\u2060-\\u206f\\ufeff]");

    /** The language of a file; "other" when neither its name nor its extension says. */
    static String languageOf(String path) {
        var name = raw(fromText(name(path))).toLowerCase(Locale.ROOT);
        var extension = EXTENSION.matcher(name);
        var byExtension = extension.find() ? BY_EXTENSION.getOrDefault(extension.group(1), OTHER) : OTHER;
        return NAMES.getOrDefault(name, byExtension);
    }

    private static final Pattern EXTENSION = Pattern.compile("[^.].*\\.([^.]*)\\z", Pattern.DOTALL);
    private static final String OTHER = "other";
    private static final Map<String, String> NAMES = Map.of(
            "makefile", "Make",
            "gnumakefile", "Make",
            "dockerfile", "Dockerfile",
            "cmakelists.txt", "CMake");
    private static final Map<String, String> BY_EXTENSION = byExtension("""
            C: c h
            C#: cs
            C++: cc cpp cxx hh hpp hxx
            CSS: css scss sass less
            Clojure: clj cljs cljc edn
            Dart: dart
            Elixir: ex exs
            Erlang: erl hrl
            Go: go
            HTML: html htm
            Haskell: hs
            JSON: json jsonl
            Java: java
            JavaScript: js jsx mjs cjs
            Kotlin: kt kts
            Lua: lua
            Markdown: md markdown
            OCaml: ml mli
            PHP: php
            Perl: pl pm
            Protobuf: proto
            Python: py pyi
            R: r
            Ruby: rb
            Rust: rs
            SQL: sql
            Scala: scala sc
            Shell: sh bash zsh fish
            Swift: swift
            TOML: toml
            Text: txt rst
            TypeScript: ts tsx mts cts
            XML: xml xsd xsl
            YAML: yaml yml
            Zig: zig
            """);

    private static Map<String, String> byExtension(String table) {
        return table.lines()
                .map(line -> line.split(": "))
                .flatMap(line -> Stream.of(line[1].split(" ")).map(end -> Map.entry(end, line[0])))
                .collect(Collectors.toMap(Map.Entry::getKey, Map.Entry::getValue));
    }

    public static void main(String[] args) {
        var worker = new Worker();
        worker.register("census.folders", Request.class, CensusWorker::folders);
        worker.register("census.count", Part.class, CensusWorker::count);
        worker.register("census.report", Counts.class, CensusWorker::report);
        worker.start();
    }
}
