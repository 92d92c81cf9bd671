"""How several sources of one property become one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from marketwin.twin.v1 import service_pb2 as pb
from marketwin.twin.v1 import types_pb2
from services.twin import usecases
from services.twin.domain.fusion.fuse import Weighed
from services.twin.domain.fusion.rule import Rule
from services.twin.domain.fusion.rule_book import SetRule
from services.twin.rpc.asking import json_object, moment_of
from services.twin.usecases import FusionRuleStore, Place, Shown, Store
from services.twin.wire import json_text, timestamp


class Fusions:
    """Fusion rules, and what came of them."""

    _store: Store
    _rules: FusionRuleStore
    _now: Callable[[], datetime]

    async def GetFusion(self, request: pb.GetFusionRequest, context: Any) -> pb.GetFusionResponse:
        at, known_at = (moment_of(request, name) for name in ("at", "known_at"))
        twin, found = await usecases.get_fusion(self._store, request.id, request.property, at=at, known_at=known_at)
        then = at or self._now()
        fusions = [_fusion_message(twin.model, each, then) for each in found]
        return pb.GetFusionResponse(id=twin.id, revision=twin.revision, fusions=fusions)

    async def ListFusionRules(self, request: pb.ListFusionRulesRequest, context: Any) -> pb.ListFusionRulesResponse:
        found = usecases.list_fusion_rules(self._store.book, request.model)
        return pb.ListFusionRulesResponse(
            rules=[_rule_message(each, self._store.book.rule(each.model, each.property)) for each in found]
        )

    async def PutFusionRule(self, request: pb.PutFusionRuleRequest, context: Any) -> pb.PutFusionRuleResponse:
        made = await usecases.set_fusion_rule(
            self._rules,
            self._store.book,
            Place(request.model, request.property),
            json_object(request.rule_json),
            expected=request.version if request.HasField("version") else None,
            by=f"user:{request.written_by}",
            now=self._now(),
        )
        return pb.PutFusionRuleResponse(rule=_rule_message(made, self._store.book.rule(made.model, made.property)))

    async def DeleteFusionRule(self, request: pb.DeleteFusionRuleRequest, context: Any) -> pb.DeleteFusionRuleResponse:
        await usecases.set_fusion_rule(
            self._rules,
            self._store.book,
            Place(request.model, request.property),
            None,
            expected=request.version if request.HasField("version") else None,
            by=f"user:{request.written_by}",
            now=self._now(),
        )
        return pb.DeleteFusionRuleResponse()


def _rule_message(found: SetRule, rule: Rule) -> types_pb2.FusionRule:
    return types_pb2.FusionRule(
        model=found.model,
        property=found.property,
        version=found.version,
        rule_json=json_text(rule.document()),
        known_at=timestamp(found.known_at),
        set_by=found.set_by,
        applied_at=timestamp(found.applied_at) if found.applied_at else None,
    )


def _fusion_message(model: str, shown: Shown, then: datetime) -> types_pb2.Fusion:
    found, rule = shown.fusion, types_pb2.FusionRule(model=model, property=shown.property)
    rule.rule_json = json_text(shown.rule.document())
    used = [each.input.at for each in found.inputs if each.weight > 0]
    message = types_pb2.Fusion(
        property=shown.property,
        value_json=json_text(found.value),
        unit=shown.unit,
        rule=_rule_message(shown.set_rule, shown.rule) if shown.set_rule else rule,
        inputs=[_input_message(each, then) for each in found.inputs],
        conflict=found.conflict,
        standard_error=found.standard_error,
        age_s=(then - max(used)).total_seconds() if used else None,
    )
    if found.spread:
        spread = found.spread
        message.spread.CopyFrom(
            types_pb2.FusionSpread(least=spread.least, most=spread.most, deviation=spread.deviation)
        )
    if found.agreement:
        message.chi_square, message.p_value = found.agreement.chi_square, found.agreement.p_value
    return message


def _input_message(each: Weighed, then: datetime) -> types_pb2.FusionInput:
    return types_pb2.FusionInput(
        source=each.source,
        value_json=json_text(each.input.value),
        at=timestamp(each.input.at),
        known_at=timestamp(each.input.known_at),
        quality=each.input.quality,
        reliability=each.reliability,
        variance=each.variance,
        age_s=(then - each.input.at).total_seconds(),
        weight=each.weight,
        unused=each.unused,
    )
