package io.stellwerk;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JavaType;
import com.fasterxml.jackson.databind.ObjectReader;
import com.fasterxml.jackson.databind.ObjectWriter;
import com.google.protobuf.ByteString;
import com.google.protobuf.UnsafeByteOperations;
import io.stellwerk.v1.Payload;
import java.util.List;
import java.util.Map;

/** Java values to Payload messages and back: JSON text, or bytes as they are. Must not know handlers nor gRPC. */
final class Payloads {
    /** Above this a message would meet the transport's limit of 16 MiB; servers refuse payloads far earlier. */
    static final int BYTES_MAX = 15 * 1024 * 1024;

    static final ObjectReader ANY = Json.MAPPER.readerFor(Object.class);

    private static final ObjectWriter WRITER = Json.MAPPER.writer();
    private static final ByteString JSON_NULL = ByteString.copyFromUtf8("null");

    private Payloads() {}

    /** Write a value: byte[] as {@code data}, anything else as JSON. Throws EncodeError naming the place. */
    static Payload encode(Object value) {
        if (value == null) {
            return Payload.newBuilder().setJsonBytes(JSON_NULL).build();
        }
        if (value instanceof byte[] bytes) {
            return Payload.newBuilder().setData(ByteString.copyFrom(bytes)).build();
        }
        return Payload.newBuilder().setJsonBytes(json(value)).build();
    }

    /** Read a payload: the JSON value, the bytes, or null when it is empty. Throws InputError. */
    static Object decode(Payload payload) {
        return read(payload, ANY);
    }

    /** Read a payload as a class. Throws InputError naming the field that does not fit. */
    static <T> T decode(Payload payload, JavaType type) {
        return cast(read(payload, reader(type)));
    }

    /** What reads payloads as a type; null stands for plain JSON. */
    static ObjectReader reader(JavaType type) {
        return type.getRawClass() == Object.class ? ANY : Json.MAPPER.readerFor(type);
    }

    /** Read a payload with a reader of {@link #reader}. Throws InputError naming the field that does not fit. */
    static Object read(Payload payload, ObjectReader reader) {
        Class<?> wanted = reader.getValueType().getRawClass();
        switch (payload.getContentCase()) {
            case DATA:
                if (wanted != Object.class && wanted != byte[].class) {
                    throw new InputError("input", InputProblems.expected(reader.getValueType()), "bytes", null);
                }
                return payload.getData().toByteArray();
            case JSON:
                return parse(payload.getJson(), reader);
            default:
                return wanted == Object.class ? null : parse("null", reader);
        }
    }

    /** Read a JSON object that is no payload. */
    static Map<String, Object> object(String json) {
        return cast(parse(json, ANY));
    }

    /** All chunks as one value: a list, or one run of bytes when every chunk is bytes. */
    static Payload joined(List<Payload> chunks) {
        long bytes = chunks.stream().filter(Payload::hasData).count();
        if (bytes == 0) {
            var text = new StringBuilder("[");
            for (Payload chunk : chunks) {
                text.append(text.length() > 1 ? "," : "").append(chunk.getJson());
            }
            return Payload.newBuilder().setJson(text.append(']').toString()).build();
        }
        if (bytes < chunks.size()) {
            throw new EncodeError("chunks: expected all JSON or all bytes, came both; return a value instead", null);
        }
        ByteString all = chunks.stream().map(Payload::getData).reduce(ByteString.EMPTY, ByteString::concat);
        return Payload.newBuilder().setData(all).build();
    }

    /** Write a value that has to fit into a message. Throws EncodeError, and PayloadTooLarge naming the field. */
    static Payload fitting(String field, Object value) {
        Payload payload = encode(value);
        int size = payload.getSerializedSize();
        if (size > BYTES_MAX) {
            throw tooLarge(field, size);
        }
        return payload;
    }

    /** The refusal of what the transport would cut off. */
    static PayloadTooLarge tooLarge(String field, int size) {
        Map<String, String> metadata =
                Map.of("field", field, "size", Integer.toString(size), "limit", Integer.toString(BYTES_MAX));
        var facts = new RequestError.Facts("INVALID_ARGUMENT", "PAYLOAD_TOO_LARGE", metadata, List.of(), null);
        return new PayloadTooLarge(field + ": expected at most " + BYTES_MAX + " bytes, came " + size, facts);
    }

    private static ByteString json(Object value) {
        try {
            byte[] json = WRITER.writeValueAsBytes(value);
            if (EncodeProblems.hasHalfCharacter(json)) {
                throw EncodeProblems.notUnicode(value);
            }
            return UnsafeByteOperations.unsafeWrap(json);
        } catch (JsonProcessingException | StackOverflowError error) {
            throw EncodeProblems.explain(value, error);
        }
    }

    private static Object parse(String json, ObjectReader reader) {
        if (reader.getValueType().getRawClass() == byte[].class) {
            throw new InputError("input", "bytes", InputProblems.described(json), null);
        }
        try {
            return reader.readValue(json);
        } catch (JsonProcessingException error) {
            throw InputProblems.explain(json, error);
        }
    }

    @SuppressWarnings("unchecked")
    static <T> T cast(Object value) {
        return (T) value;
    }
}
