"""Types are added and changed in a browser: checked first, with each fault at its place, then followed to the end."""

from __future__ import annotations

import json
import re
from typing import Any

from playwright.async_api import Browser, Page, expect

from chassis.testing import eventually
from services.twin.store import PostgresStore
from tests.console.conftest import Twins, signed_in
from tests.console.twinpages import open_twin, row_of, said
from tests.gateway.house import Door

RULES = "/api/v1/models/line/fusion-rules"
CONTEXT = "dtmi:dtdl:context;3"


def _interface(name: str, version: int, *contents: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "@context": CONTEXT,
        "@id": f"dtmi:acme:{name};{version}",
        "@type": "Interface",
        **more,
        "contents": list(contents),
    }


def _property(name: str, schema: str) -> dict[str, Any]:
    return {"@type": "Property", "name": name, "schema": schema}


async def _check(page: Page, body: object) -> None:
    await page.get_by_test_id("models-text").fill(json.dumps(body, indent=2))
    await page.get_by_test_id("models-check").click()


async def test_a_type_is_checked_mended_where_it_is_wrong_added_and_taken_away(page: Page, twins: Twins):
    await page.goto("/#/models")
    await page.get_by_test_id("add-models-open").click()
    await expect(page.get_by_test_id("models-add")).to_be_disabled()

    await _check(page, _interface("stall", 1, _property("wheels", "integer"), _property("hue", "colour")))
    fault = page.get_by_test_id("model-fault")
    await expect(fault).to_have_attribute("data-pointer", "/contents/1/schema")
    await expect(fault).to_have_attribute("data-rule", "reference-syntax")
    await fault.get_by_test_id("fault-place").click()
    chosen = await page.evaluate("getSelection().toString()")
    await expect(page.get_by_test_id("models-add")).to_be_disabled()
    await _check(page, _interface("stall", 1, _property("wheels", "integer"), _property("hue", "string")))
    await expect(page.get_by_test_id("models-good")).to_be_visible()
    missing = (await twins.api.get("/api/v1/models/stall")).status_code
    await page.get_by_test_id("models-add").click()

    await expect(page.get_by_test_id("model-card")).to_contain_text("dtmi:acme:stall;1")
    await expect(page.get_by_test_id("model-versions")).to_contain_text("user:reader")
    await expect(page.get_by_test_id("model-empty")).to_be_visible()
    assert (chosen, missing) == ('"colour"', 404)
    await page.get_by_test_id("model-delete").click()
    await page.get_by_test_id("model-delete-sure").click()
    await expect(page.locator("[data-testid=model][data-name=stall]")).to_have_count(0)


async def test_a_text_that_is_no_json_is_marked_where_it_ends_to_be_some(page: Page):
    await page.goto("/#/models")
    await page.get_by_test_id("add-models-open").click()

    await page.get_by_test_id("models-text").fill('{\n  "@id": "dtmi:acme:stall;1", x\n}')
    await page.get_by_test_id("models-check").click()

    await expect(page.get_by_test_id("model-fault")).to_have_attribute("data-rule", "json-syntax")
    await page.get_by_test_id("fault-place").click()
    assert await page.evaluate("getSelection().toString()") == "x"


async def test_a_version_that_twins_do_not_fit_says_which_and_with_steps_is_followed_to_its_end(
    page: Page, twins: Twins
):
    first = _interface("booth", 1, _property("wheels", "integer"), _property("hue", "string"))
    added = await twins.api.post("/api/v1/models", json=first)
    assert added.status_code == 201, added.text
    for n in range(40):
        await twins.put(f"booth:{n}", "booth", {"wheels": n, "hue": "red"})
    await page.goto("/#/models/booth")
    await page.get_by_test_id("model-next").click()
    await expect(page.get_by_test_id("models-text")).to_have_value(re.compile("dtmi:acme:booth;2"))
    second = _interface("booth", 2, _property("wheels", "integer"), _property("colour", "string"))

    await _check(page, {"models": [second]})
    await expect(page.get_by_test_id("plan")).to_have_attribute("data-misfits", "40")
    await expect(page.get_by_test_id("misfits")).to_contain_text("booth:0")
    steps = [{"op": "rename", "property": "hue", "to": "colour"}]
    await _check(page, {"models": [second], "migration": {"booth": steps}})
    await expect(page.get_by_test_id("plan")).to_have_attribute("data-misfits", "0")

    async def has_ended() -> bool:
        jobs = (await twins.api.get("/api/v1/models/booth/migrations")).json()["items"]
        return bool(jobs) and jobs[-1]["state"] == "done"

    async def late(route):
        await eventually(has_ended)
        await route.continue_()

    await page.route(re.compile("/models/booth/migrations$"), late)
    await page.get_by_test_id("models-add").click()

    await expect(page.get_by_test_id("migration")).to_have_attribute("data-state", "done")
    await expect(page.get_by_test_id("migration-progress")).to_have_attribute("value", "1")
    await expect(page.locator("[data-testid=model-property][data-name=colour]")).to_be_visible()
    assert (await twins.get("booth:7"))["properties"] == {"wheels": 7, "colour": "red"}


async def test_a_version_of_ours_that_extends_it_keeps_what_it_inherits(page: Page, twins: Twins):
    await page.goto("/#/models/supplier")
    await page.get_by_test_id("model-next").click()
    extended = {**_interface("x", 1, _property("rating", "integer")), "@id": "dtmi:marketwin:supplier;2"}

    await _check(page, {**extended, "extends": "dtmi:marketwin:supplier;1"})
    await page.get_by_test_id("models-add").click()

    await expect(page.locator("[data-testid=model-property][data-name=rating]")).to_be_visible()
    await expect(page.locator("[data-testid=model-property][data-name=name]")).to_be_visible()


async def test_who_may_not_add_types_is_not_offered_to(browser: Browser, door: Door, twins: Twins):
    async with signed_in(browser, door, "analyst") as context:
        page = await context.new_page()
        await page.goto("/#/models/retailer")
        await expect(page.get_by_test_id("model-versions")).to_contain_text("60 twins")

        assert await page.locator("[data-testid=add-models-open], [data-testid=model-next]").count() == 0


async def test_a_type_without_twins_says_so_and_leads_to_what_there_is(page: Page, twins: Twins):
    await page.goto("/#/twins?model=plant")
    await expect(page.get_by_test_id("empty")).to_contain_text("No twins of this type yet")

    await page.get_by_test_id("empty").get_by_role("link").click()

    await expect(page.get_by_test_id("model-empty")).to_be_visible()
    listed = page.get_by_test_id("model")
    await expect(listed.first).not_to_have_class("unused")
    await expect(listed.last).to_have_class("unused")


async def test_the_page_of_types_speaks_chinese_and_fits_a_small_phone(browser: Browser, door: Door, twins: Twins):
    async with signed_in(browser, door, "admin", locale="zh-CN", width=360) as context:
        phone = await context.new_page()
        await phone.goto("/#/models/retailer")
        await expect(phone.get_by_test_id("model-versions")).to_contain_text("60")
        width = await phone.evaluate("document.querySelector('.page').scrollWidth")
        properties = await phone.locator("[data-testid=model-properties]").inner_text()
        await phone.get_by_test_id("add-models-open").click()
        wide = await phone.evaluate("document.querySelector('.page').scrollWidth")

    assert max(width, wide) <= 360
    assert "档位，1 至 30，30 档最高" in properties
    assert not {"Tier", "Licence", "Longitude"} & set(properties.split())


async def test_a_rule_is_set_with_its_faults_at_their_fields_and_taken_back(
    page: Page, twins: Twins, store: PostgresStore
):
    told = [("scada", 1, 1, {"capacity_hours": 100.0}), ("mes", 1, 1, {"capacity_hours": 60.0})]
    await said(store, "line:ruled", *told)
    await open_twin(page, "line:ruled")
    row = row_of(page, "capacity_hours")
    await row.get_by_test_id("fusion-open").click()
    await page.get_by_test_id("rule-open").click()
    await page.get_by_test_id("rule-method").select_option("weighted")
    await page.get_by_test_id("rule-half_life_s").fill("-1")
    await page.get_by_test_id("rule-save").click()
    await expect(page.get_by_test_id("rule-fault")).to_contain_text("must be a number from")
    await expect(page.get_by_test_id("rule-half_life_s")).to_have_attribute("aria-invalid", "true")

    await page.get_by_test_id("rule-half_life_s").fill("")
    await page.locator("[data-testid=rule-reliability][data-source=mes]").fill("0.25")
    await expect(page.get_by_test_id("rule-outcome")).to_contain_text("weighted mean")
    await page.get_by_test_id("rule-save").click()

    await expect(page.get_by_test_id("rule-done")).to_contain_text("version 1")
    await expect(row.get_by_test_id("value")).to_have_text("92 h")
    await page.get_by_test_id("rule-undo").click()
    await expect(page.get_by_test_id("rule-done")).to_contain_text("Taken back")
    assert "capacity_hours" not in {each["property"] for each in (await twins.api.get(RULES)).json()["items"]}


async def test_who_sets_a_rule_upon_one_that_is_no_longer_there_is_told_and_nothing_is_overwritten(
    page: Page, twins: Twins
):
    await page.goto("/#/models/line")
    field = page.locator("[data-testid=model-property][data-name=changeover_min]")
    await field.get_by_test_id("rule-open").click()
    answer = await twins.api.put(f"{RULES}/changeover_min", json={"method": "median"}, headers={"if-none-match": "*"})
    assert answer.status_code == 200

    await page.get_by_test_id("rule-method").select_option("mean")
    await page.get_by_test_id("rule-save").click()
    await expect(page.get_by_test_id("rule-faster")).to_contain_text("user:colleague")
    held = {each["property"]: each["rule"]["method"] for each in (await twins.api.get(RULES)).json()["items"]}
    await expect(field.get_by_test_id("fusion-rule")).to_contain_text("median")
    await page.get_by_test_id("rule-save").click()
    await expect(field.get_by_test_id("fusion-rule")).to_contain_text("mean")

    assert held["changeover_min"] == "median"
