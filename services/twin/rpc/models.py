"""Types of twins, their versions, and the migrations between them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from marketwin.twin.v1 import service_pb2 as pb
from marketwin.twin.v1 import types_pb2
from services.twin import usecases
from services.twin.domain.describing import contents_of, json_schema, text_in
from services.twin.domain.model_jobs import Job, Plan
from services.twin.domain.model_versions import read_request
from services.twin.domain.twins import ID_PATTERN
from services.twin.usecases import Asked, ModelStore, Version
from services.twin.wire import json_text, timestamp


class Models:
    """What twins may be."""

    _models: ModelStore
    _now: Callable[[], datetime]

    async def ListModels(self, request: pb.ListModelsRequest, context: Any) -> pb.ListModelsResponse:
        found = await usecases.list_versions(self._models)
        wanted = request.version
        if not wanted:
            found = [each for each in found if each.state == "current"]
        elif wanted != "all":
            found = [each for each in found if _number(each) == wanted]
        return pb.ListModelsResponse(models=_model_messages(found))

    async def PostModels(self, request: pb.PostModelsRequest, context: Any) -> pb.PostModelsResponse:
        asked = Asked(f"user:{request.written_by}", self._now(), request.dry_run)
        done = await usecases.add_models(self._models, read_request(request.body_json), asked)
        there = {each.kind.dtmi: each for each in await usecases.list_versions(self._models)}
        return pb.PostModelsResponse(
            models=_model_messages(there[dtmi] for dtmi in done.dtmis if dtmi in there),
            created=done.is_new,
            plans=[_plan_message(each) for each in done.plans],
            migrations=[_job_message(each) for each in done.jobs],
        )

    async def GetModel(self, request: pb.GetModelRequest, context: Any) -> pb.GetModelResponse:
        versions = await usecases.get_versions(self._models, request.name)
        kind = next((each.kind for each in versions if each.state == "current"), versions[-1].kind)
        language = request.language or "en"
        return pb.GetModelResponse(
            versions=_model_messages(versions),
            dtmi=kind.dtmi,
            display_name=text_in(kind.interface.display_name, language),
            description=text_in(kind.interface.description, language),
            takes_twins=bool(ID_PATTERN.match(f"{kind.name}:1")),
            ancestors=kind.interface.ancestors,
            contents_json=json_text(contents_of(kind, language)),
            schema_json=json_text(json_schema(kind, language)),
        )

    async def DeleteModel(self, request: pb.DeleteModelRequest, context: Any) -> pb.DeleteModelResponse:
        await usecases.delete_model(self._models, request.name)
        return pb.DeleteModelResponse()

    async def ListMigrations(self, request: pb.ListMigrationsRequest, context: Any) -> pb.ListMigrationsResponse:
        if request.id:
            found = [await usecases.get_migration(self._models, request.name, request.id)]
        else:
            found = await usecases.list_migrations(self._models, request.name)
        return pb.ListMigrationsResponse(migrations=[_job_message(each) for each in found])

    async def CancelMigration(self, request: pb.CancelMigrationRequest, context: Any) -> pb.CancelMigrationResponse:
        job = await usecases.cancel_migration(self._models, request.name, request.id, now=self._now())
        return pb.CancelMigrationResponse(migration=_job_message(job))


def _number(version: Version) -> str:
    return version.kind.dtmi.partition(";")[2]


def _model_messages(versions: Iterable[Version]) -> list[types_pb2.Model]:
    return [
        types_pb2.Model(
            name=each.kind.name,
            dtmi=each.kind.dtmi,
            dtdl_json=each.kind.dtdl,
            version=_number(each),
            state=each.state,
            created_at=timestamp(each.kept.created_at) if each.kept else None,
            created_by=each.kept.created_by if each.kept else "",
            twins=each.twins,
        )
        for each in versions
    ]


def _plan_message(plan: Plan) -> types_pb2.MigrationPlan:
    return types_pb2.MigrationPlan(
        name=plan.name,
        dtmi=plan.dtmi,
        twins=plan.twins,
        changed=plan.changed,
        misfits=plan.misfits,
        first_misfits=[
            types_pb2.Misfit(id=twin_id, pointer=each.pointer, rule=each.rule, message=each.message)
            for twin_id, each in plan.first_misfits
        ],
    )


def _job_message(job: Job) -> types_pb2.Migration:
    return types_pb2.Migration(
        id=job.id,
        name=job.name,
        before_dtmi=job.before_dtmi,
        after_dtmi=job.after_dtmi,
        steps_json=json_text(job.steps),
        state=job.state,
        twins=job.twins,
        moved=job.moved,
        changed=job.changed,
        misfits=job.misfits,
        first_misfits=[types_pb2.Misfit(**each) for each in job.first_misfits],
        created_at=timestamp(job.created_at),
        created_by=job.created_by,
        ended_at=timestamp(job.ended_at) if job.ended_at else None,
    )
