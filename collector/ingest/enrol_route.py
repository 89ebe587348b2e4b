"""POST /v1/enrol: a secret for a host's identity and token; knows no SQL."""

import asyncio
from typing import Annotated

import msgspec
from fastapi import APIRouter, Request, Response
from msgspec import Meta, Struct
from starlette.requests import ClientDisconnect

from collector import collector_clock
from collector.collector_errors import StoreUnavailable
from collector.ingest.field_types import fit, what_is_wrong
from collector.ingest.openapi import ENROL
from collector.ingest.route import HttpError, read_body, refused
from collector.store.enrolment_store import EnrolmentStore, Person

LONGEST = 16 * 1024  # bytes
_Name = Annotated[str, Meta(min_length=1, max_length=255)]
_Id = Annotated[str, Meta(max_length=64)]


class _Wish(Struct):
    secret: Annotated[str, Meta(max_length=200)]
    hostname: _Name
    machine_id: _Id = ""
    boot_id: _Id = ""


_DECODER = msgspec.json.Decoder(_Wish)


def enrol_route(enrolments: EnrolmentStore) -> APIRouter:
    """The router with the one route."""
    router = APIRouter()

    @router.post("/v1/enrol", openapi_extra=ENROL, response_class=Response)
    async def enrol(request: Request) -> Response:
        """Give a new host its identity and token."""
        try:
            wish = _DECODER.decode(await read_body(request, LONGEST))
        except HttpError as refusal:
            return refused(refusal.status, refusal.error)
        except ClientDisconnect:
            return refused(400, "the connection ended within the body")
        except (msgspec.DecodeError, UnicodeError, ValueError, RecursionError) as error:
            return refused(
                400, f"the body is not an enrolment: {what_is_wrong(error)} ({str(error)[:200]})"
            )
        by = Person("host " + fit(wish.hostname), request.client.host if request.client else "")
        try:
            enrolled = await asyncio.to_thread(
                enrolments.enrol,
                wish.secret,
                machine_id=fit(wish.machine_id),
                boot_id=fit(wish.boot_id),
                hostname=fit(wish.hostname),
                by=by,
                now=collector_clock.now(),
            )
        except StoreUnavailable:
            return refused(503, "the collector cannot enrol now", 5)
        if enrolled is None:
            return refused(401, "the enrolment secret is unknown, expired, used up or revoked")
        answer = {"host_id": enrolled.host_id, "token": enrolled.token}
        return Response(msgspec.json.encode(answer), media_type="application/json")

    return router
