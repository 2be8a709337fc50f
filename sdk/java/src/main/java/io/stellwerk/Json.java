package io.stellwerk;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.json.JsonWriteFeature;
import com.fasterxml.jackson.databind.BeanDescription;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonMappingException;
import com.fasterxml.jackson.databind.JsonSerializer;
import com.fasterxml.jackson.databind.MapperFeature;
import com.fasterxml.jackson.databind.SerializationConfig;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.SerializerProvider;
import com.fasterxml.jackson.databind.cfg.CoercionAction;
import com.fasterxml.jackson.databind.cfg.CoercionInputShape;
import com.fasterxml.jackson.databind.cfg.MutableCoercionConfig;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.module.SimpleModule;
import com.fasterxml.jackson.databind.ser.BeanSerializerModifier;
import com.fasterxml.jackson.databind.ser.std.ToStringSerializer;
import com.fasterxml.jackson.databind.type.LogicalType;
import com.fasterxml.jackson.datatype.jsr310.JavaTimeModule;
import java.io.IOException;
import java.math.BigDecimal;

/** How Jackson reads and writes JSON here: exact integers, no NaN, no guessing. Must not know payloads. */
final class Json {
    static final JsonMapper MAPPER = mapper();

    private static final int TEXT_CHARS_MAX = 64 * 1024 * 1024;
    private static final int NUMBER_CHARS_MAX = 10_000;

    private Json() {}

    private static JsonMapper mapper() {
        return JsonMapper.builder(factory())
                .addModule(new JavaTimeModule())
                .addModule(refusals())
                .disable(SerializationFeature.WRITE_DATES_AS_TIMESTAMPS)
                .disable(SerializationFeature.WRITE_DURATIONS_AS_TIMESTAMPS)
                .disable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES)
                .disable(DeserializationFeature.ACCEPT_FLOAT_AS_INT)
                .enable(DeserializationFeature.FAIL_ON_NULL_FOR_PRIMITIVES)
                .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
                .disable(MapperFeature.ALLOW_COERCION_OF_SCALARS)
                .withCoercionConfig(LogicalType.Textual, Json::textOnly)
                .withCoercionConfig(LogicalType.Enum, Json::textOnly)
                .withCoercionConfig(
                        BigDecimal.class,
                        config -> config.setCoercion(CoercionInputShape.String, CoercionAction.TryConvert))
                .build();
    }

    /** No interned names: keys of maps are data. */
    private static JsonFactory factory() {
        var constraints = StreamReadConstraints.builder()
                .maxStringLength(TEXT_CHARS_MAX)
                .maxNameLength(TEXT_CHARS_MAX)
                .maxNumberLength(NUMBER_CHARS_MAX)
                .build();
        return JsonFactory.builder()
                .disable(JsonFactory.Feature.INTERN_FIELD_NAMES)
                .enable(JsonWriteFeature.COMBINE_UNICODE_SURROGATES_IN_UTF8)
                .streamReadConstraints(constraints)
                .build();
    }

    private static void textOnly(MutableCoercionConfig config) {
        config.setCoercion(CoercionInputShape.Integer, CoercionAction.Fail)
                .setCoercion(CoercionInputShape.Float, CoercionAction.Fail)
                .setCoercion(CoercionInputShape.Boolean, CoercionAction.Fail);
    }

    private static SimpleModule refusals() {
        var module = new SimpleModule("stellwerk");
        module.addSerializer(byte[].class, new NoBytes());
        module.addSerializer(BigDecimal.class, ToStringSerializer.instance);
        module.addSerializer(Double.class, new Finite<>());
        module.addSerializer(double.class, new Finite<>());
        module.addSerializer(Float.class, new Finite<>());
        module.addSerializer(float.class, new Finite<>());
        module.setSerializerModifier(new NoFunctions());
        return module;
    }

    /** Jackson would write lambdas as empty objects. */
    private static final class NoFunctions extends BeanSerializerModifier {
        @Override
        public JsonSerializer<?> modifySerializer(
                SerializationConfig config, BeanDescription bean, JsonSerializer<?> serializer) {
            Class<?> type = bean.getBeanClass();
            return type.isHidden() || type.isSynthetic() ? new NoFunction() : serializer;
        }
    }

    private static final class NoFunction extends JsonSerializer<Object> {
        @Override
        public void serialize(Object value, JsonGenerator out, SerializerProvider provider) throws IOException {
            throw JsonMappingException.from(out, "a function has no JSON form");
        }
    }

    private static final class NoBytes extends JsonSerializer<byte[]> {
        @Override
        public void serialize(byte[] value, JsonGenerator out, SerializerProvider provider) throws IOException {
            throw JsonMappingException.from(out, "bytes travel only as the whole value, not inside JSON");
        }
    }

    private static final class Finite<N extends Number> extends JsonSerializer<N> {
        @Override
        public void serialize(N value, JsonGenerator out, SerializerProvider provider) throws IOException {
            if (!Double.isFinite(value.doubleValue())) {
                throw JsonMappingException.from(out, value + " is not JSON");
            }
            if (value instanceof Float) {
                out.writeNumber(value.floatValue());
            } else {
                out.writeNumber(value.doubleValue());
            }
        }
    }
}
