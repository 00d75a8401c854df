"""Serializer fields of the appointments app."""

from typing import Any

from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail, ValidationError

from appointments.scheduling.diagnoses import MAX_CODES, checked_codes
from core.api_fields import Text
from core.errors import InvalidInputError


class DiagnosisCodes(serializers.ListField):
    """ICD-10 codes of the WHO edition, each once; a code that does not exist is refused."""

    MAX_TYPED = 12

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("help_text", "ICD-10 codes, such as E11.9.")
        super().__init__(child=Text(max_length=self.MAX_TYPED), max_length=MAX_CODES, **kwargs)

    def to_internal_value(self, data: Any) -> list[str]:
        try:
            return checked_codes(super().to_internal_value(data))
        except InvalidInputError as error:
            raise ValidationError([ErrorDetail(str(error), error.code)]) from error
