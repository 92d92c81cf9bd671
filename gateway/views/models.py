"""Twin types as the JSON that clients see."""

from __future__ import annotations

import json

from gateway.views.base import Json, fields, time_text
from marketwin.twin.v1 import service_pb2 as pb
from marketwin.twin.v1 import types_pb2 as twin_pb


def model_view(model: twin_pb.Model) -> Json:
    return {
        **fields(model, "name", "dtmi", "version", "state", "created_by", "twins"),
        "dtdl": json.loads(model.dtdl_json),
        "created_at": time_text(model.created_at) if model.HasField("created_at") else None,
    }


def details_view(found: pb.GetModelResponse) -> Json:
    return {
        "name": found.versions[0].name,
        **fields(found, "dtmi", "display_name", "description", "takes_twins"),
        "ancestors": list(found.ancestors),
        "contents": json.loads(found.contents_json),
        "json_schema": json.loads(found.schema_json),
        "versions": [model_view(each) for each in found.versions],
    }


def plan_view(plan: twin_pb.MigrationPlan) -> Json:
    return {
        **fields(plan, "name", "dtmi", "twins", "changed", "misfits"),
        "first_misfits": [_misfit_view(each) for each in plan.first_misfits],
    }


def migration_view(job: twin_pb.Migration) -> Json:
    names = ("id", "name", "before_dtmi", "after_dtmi", "state", "twins", "moved", "changed", "misfits", "created_by")
    return {
        **fields(job, *names),
        "steps": json.loads(job.steps_json),
        "first_misfits": [_misfit_view(each) for each in job.first_misfits],
        "created_at": time_text(job.created_at),
        "ended_at": time_text(job.ended_at) if job.HasField("ended_at") else None,
    }


def _misfit_view(misfit: twin_pb.Misfit) -> Json:
    return fields(misfit, "id", "pointer", "rule", "message")
