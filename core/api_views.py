"""What every REST view shares: one attempt per request, strict parameters, ETags, repeats."""

from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from rest_framework.exceptions import ErrorDetail, ValidationError
from rest_framework.mixins import ListModelMixin
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework.viewsets import GenericViewSet

from core.api_fields import StrictSerializer
from core.errors import NotFoundError
from core.etags import check_if_match, etag_of, is_unchanged
from core.idempotency import (
    HEADER,
    KEPT_HEADERS,
    REPLAYED_HEADER,
    Answer,
    Claim,
    claim,
    fingerprint_of,
)
from core.tenancy import current_tenant_id

SAFE = ("GET", "HEAD", "OPTIONS")


class ApiView(APIView):
    """Inside a tenant a write is all or nothing: a refusal undoes what the handler did before it.
    Outside, only logins happen, and they open the user's tenant themselves."""

    metadata_class = None
    repeatable = True
    """Whether an Idempotency-Key makes a POST here repeatable."""

    query_parameters: tuple[str, ...] = ()

    further_statuses: tuple[int, ...] = ()
    """What the schema cannot guess of the answers."""

    def initialize_request(self, request: Any, *args: Any, **kwargs: Any) -> Request:
        _measure(request)
        return super().initialize_request(request, *args, **kwargs)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        self._check_query(request)

    def dispatch(self, request: Any, *args: Any, **kwargs: Any) -> Response:
        """DRF's own, plus the Idempotency-Key and a savepoint around the handler."""
        self.args, self.kwargs = args, kwargs
        self.request = request = self.initialize_request(request, *args, **kwargs)
        self.headers = self.default_response_headers
        held: Claim | None = None
        try:
            self.initial(request, *args, **kwargs)
            held = self._claim(request)
            response = _again(held.answer) if held and held.answer else self._attempt(request)
        except Exception as error:  # noqa: BLE001 - DRF's hook decides, and raises what is not its own
            response = self.handle_exception(error)
        self.response = self.finalize_response(request, response, *args, **kwargs)
        if held and held.answer is None and self.response.status_code < 500:
            held.keep(_answer(self.response))
        return self.response

    def _attempt(self, request: Request) -> Response:
        name = (request.method or "").lower()
        known = name in self.http_method_names
        handler = getattr(self, name, None) if known else None
        handler = handler or self.http_method_not_allowed
        if request.method in SAFE or current_tenant_id() is None:
            return handler(request, *self.args, **self.kwargs)
        try:
            with transaction.atomic():
                return handler(request, *self.args, **self.kwargs)
        except Exception as error:  # noqa: BLE001
            return self.handle_exception(error)

    def _claim(self, request: Request) -> Claim | None:
        key = request.headers.get(HEADER)
        if key is None or request.method != "POST" or not self.repeatable:
            return None
        what = fingerprint_of(request.method, request.get_full_path(), request.data)
        return claim(user_id=int(request.user.pk), key=key, fingerprint=what)

    def _check_query(self, request: Request) -> None:
        """Refuse parameters that this route has not, or that are given twice."""
        known = {*self.known_parameters(), "format"}
        wrong: dict[str, list[ErrorDetail]] = {}
        for name, values in request.query_params.lists():
            if name not in known:
                wrong[name[:100]] = [
                    ErrorDetail("There is no such parameter.", code="unknown_parameter")
                ]
            elif len(values) > 1:
                wrong[name] = [ErrorDetail("Give it once.", code="repeated_parameter")]
        if wrong:
            raise ValidationError(wrong)

    def known_parameters(self) -> set[str]:
        return set(self.query_parameters)


class ReadViewSet(ListModelMixin, ApiView, GenericViewSet):
    """A collection to read: pages, filters, one by id with an ETag.

    ``noun`` and ``nouns`` name it in the schema's summaries.
    """

    noun = "record"
    nouns = "records"
    required_permissions: dict[str, Any] = {}
    lookup_value_regex = "[0-9]{1,19}"
    body_serializers: dict[str, type[StrictSerializer]] = {}
    """By action: the serializer of the request's body."""

    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return self.seen(self.represent(self.get_object()))

    def seen(self, shown: dict[str, Any]) -> Response:
        """The answer to a read of one record: 304 if the caller has it already."""
        etag = etag_of(shown)
        if is_unchanged(self.request.headers.get("If-None-Match"), etag):
            return Response(status=304, headers={"ETag": etag})
        return Response(shown, headers={"ETag": etag})

    def rows(self, page: QuerySet) -> QuerySet:
        """What the serializer reads of one page of a list."""
        return page

    def represent(self, record: Any) -> dict[str, Any]:
        return dict(self.get_serializer(record).data)

    def written(self, shown: dict[str, Any], *, status: int = 200, **extra: Any) -> Response:
        """The answer to a write: the record as ``retrieve`` shows it, its ETag, and ``extra``."""
        headers = {"ETag": etag_of(shown)}
        if status == 201:
            headers["Location"] = f"{self.request.path}{shown['id']}/"
        return Response({**shown, **extra}, status=status, headers=headers)

    def body(self, **options: Any) -> dict[str, Any]:
        """The request's body, checked by the action's serializer."""
        serializer = self.body_serializers[self.action](
            data=self.request.data, context=self.get_serializer_context(), **options
        )
        serializer.is_valid(raise_exception=True)
        return serializer.validated_data

    def known_parameters(self) -> set[str]:
        if self.action != "list":
            return super().known_parameters()
        filters = getattr(self, "filterset_class", None)
        names = set(filters.base_filters) if filters else set()
        return names | {"page", "page_size"} | set(self.query_parameters)


class RecordViewSet(ReadViewSet):
    """A collection whose records are created, changed and deleted by ``create_record``,
    ``change_record`` and ``delete_record`` of the subclass."""

    http_method_names = ["get", "head", "post", "patch", "delete"]

    def create(self, request: Request) -> Response:
        record = self.create_record(self.body())
        return self.written(self._fresh(record.pk), status=201)

    def partial_update(self, request: Request, pk: str) -> Response:
        record = self._matched(request)
        self.change_record(record, self.body(instance=record, partial=True))
        return self.written(self._fresh(record.pk))

    def destroy(self, request: Request, pk: str) -> Response:
        self.delete_record(self._matched(request))
        return Response(status=204)

    def create_record(self, values: dict[str, Any]) -> Any:
        raise NotImplementedError

    def change_record(self, record: Any, values: dict[str, Any]) -> None:
        raise NotImplementedError

    def delete_record(self, record: Any) -> None:
        raise NotImplementedError

    def _matched(self, request: Request) -> Any:
        """The record, locked, if the request's ``If-Match`` lets it be written."""
        record = self.get_queryset().select_for_update(of=("self",)).filter(pk=self.kwargs["pk"])
        found = record.first()
        if found is None:
            raise NotFoundError
        check_if_match(request.headers.get("If-Match"), etag_of(self.represent(found)))
        return found

    def _fresh(self, key: int) -> dict[str, Any]:
        return self.represent(self.get_queryset().get(pk=key))


def _measure(request: Any) -> None:
    """Give a chunked body the length that DRF looks for; without one it would be taken as empty."""
    if "HTTP_TRANSFER_ENCODING" in request.META and not request.META.get("CONTENT_LENGTH"):
        request.META["CONTENT_LENGTH"] = str(len(request.body))


def _again(answer: Answer) -> Response:
    """The first answer, byte for byte."""
    headers = {**answer.headers, REPLAYED_HEADER: "true"}
    return Replayed(answer, headers=headers)


class Replayed(Response):
    def __init__(self, answer: Answer, headers: dict[str, str]) -> None:
        super().__init__(None, status=answer.status, headers=headers)
        self._stored = answer

    @property
    def rendered_content(self) -> Any:
        self["Content-Type"] = self._stored.content_type
        return self._stored.body


def _answer(response: Any) -> Answer:
    response.render()
    return Answer(
        status=response.status_code,
        body=response.content,
        content_type=response.headers.get("Content-Type", ""),
        headers={name: response[name] for name in KEPT_HEADERS if name in response},
    )
