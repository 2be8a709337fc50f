"""JSON Schemas of messages, drawn from their descriptors by the rules json_out.py and json_in.py follow."""

from __future__ import annotations

from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from stellwerk_server.web.json_out import JSON_TEXTS, is_always_there, is_map, short_names

Schema = dict[str, Any]
SPAN: Schema = {
    "type": "string",
    "description": "a span of time: 1.5s, 10m, 2h",
    "examples": ["1.5s"],
    "pattern": r"^[0-9]+(\.[0-9]+)?(ms|s|m|h|d)$",
}
MOMENT: Schema = {"type": "string", "format": "date-time", "examples": ["2026-07-01T12:00:00.000000Z"]}
_PAYLOAD: Schema = {
    "description": "Any JSON value, digit for digit. What is not JSON is"
    ' {"$bytes": "<base64>", "content_type": "image/png"}.'
}
_KNOWN = {
    "google.protobuf.Timestamp": MOMENT,
    "google.protobuf.Duration": SPAN,
    "stellwerk.v1.Payload": {"$ref": "#/components/schemas/Payload"},
}
_INT32 = (-(2**31), 2**31 - 1)
_INT64 = (-(2**63), 2**63 - 1)


class Schemas:
    """The schemas an API description refers to, by name; each is drawn when it is first asked for."""

    def __init__(self) -> None:
        self.components: dict[str, Schema] = {"Payload": _PAYLOAD}

    def ref(self, descriptor: Descriptor) -> Schema:
        """A reference to the schema of a message."""
        if descriptor.name not in self.components:
            self.components[descriptor.name] = {}  # a failure holds a failure
            self.components[descriptor.name] = self._object(descriptor)
        return {"$ref": f"#/components/schemas/{descriptor.name}"}

    def of(self, field: FieldDescriptor) -> Schema:
        """The schema of one field."""
        if field.message_type is not None and is_map(field):
            values = self._single(field.message_type.fields_by_name["value"])
            return {"type": "object", "additionalProperties": values}
        single = self._single(field)
        return {"type": "array", "items": single} if field.is_repeated else single

    def _object(self, descriptor: Descriptor) -> Schema:
        schema: Schema = {"type": "object", "properties": {f.name: self.of(f) for f in descriptor.fields}}
        if required := [f.name for f in descriptor.fields if is_always_there(f)]:
            schema["required"] = required
        return schema

    def _single(self, field: FieldDescriptor) -> Schema:
        if field.full_name in JSON_TEXTS:
            return {"type": "object", "description": "a JSON object"}
        if field.message_type is not None:
            return _KNOWN.get(field.message_type.full_name) or self.ref(field.message_type)
        if field.enum_type is not None:
            return {"type": "string", "enum": list(short_names(field.enum_type).values())}
        if field.type == FieldDescriptor.TYPE_BOOL:
            return {"type": "boolean"}
        if field.cpp_type == FieldDescriptor.CPPTYPE_INT32:
            return {"type": "integer", "format": "int32", "minimum": _INT32[0], "maximum": _INT32[1]}
        if field.cpp_type == FieldDescriptor.CPPTYPE_INT64:
            return {"type": "integer", "format": "int64", "minimum": _INT64[0], "maximum": _INT64[1]}
        return {"type": "string"}
