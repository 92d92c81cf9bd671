import { describe, expect, it } from "vitest";

import type { TwinModel } from "../src/api/modelTypes";
import { chineseOfFault } from "../src/i18n/chineseFaults";
import { mayAddModels, newType, nextVersion, placeOfFault } from "../src/twins/model/adding";

const version = (dtmi: string, more: Partial<TwinModel> = {}): TwinModel => ({ name: "kiosk", dtmi, dtdl: { "@id": dtmi, displayName: { zh: "亭" }, contents: [{ name: "a" }] }, created_by: "", ...more });

describe("a text of types", () => {
  const text = '{\n  "models": [\n    {"@id": "dtmi:a:b;1", "contents": [\n      {"name": "a/b", "schema": "x\\"]"},\n      {"name": "c", "a/b": [1, {"~": true}]}\n    ]}\n  ]\n}';
  const at = (pointer: string, message = "") => {
    const place = placeOfFault(text, { pointer, message });
    return place && [text.slice(place.from, place.to), place.line];
  };

  it("is searched by pointers, also through names and texts that look like its marks", () => {
    expect(at("/models/0/@id")).toEqual(['"dtmi:a:b;1"', 3]);
    expect(at("/models/0/contents/0/schema")).toEqual(['"x\\"]"', 4]);
    expect(at("/models/0/contents/1/a~1b/1/~0")).toEqual(["true", 5]);
    expect(at("")![1]).toBe(1);
  });

  it("leads to the last part that is there, where what is wrong is that something is missing", () => {
    expect(at("/models/0/contents/1/schema")).toEqual(['{"name": "c", "a/b": [1, {"~": true}]}', 5]);
    expect(at("/models/7")![1]).toBe(2);
    expect(at("/migration/kiosk")![1]).toBe(1);
  });

  it("that is no JSON is found by the line and column that the server names", () => {
    expect(at("", "line 3, column 5: Expecting value")).toEqual(["{", 3]);
    expect(placeOfFault("{", { pointer: "/a/b", message: "" })).toBeNull();
    expect(placeOfFault("", { pointer: "", message: "" })).toBeNull();
  });
});

describe("the next version", () => {
  it("of ours extends it, so that what is added to ours later reaches it", () => {
    expect(JSON.parse(nextVersion([version("dtmi:marketwin:kiosk;1")]))).toMatchObject({
      models: [{ "@id": "dtmi:marketwin:kiosk;2", extends: "dtmi:marketwin:kiosk;1", contents: [] }], migration: {},
    });
  });

  it("of one that somebody added is a copy of it with a higher number", () => {
    const versions = [version("dtmi:acme:kiosk;1", { created_by: "user:ann" }), version("dtmi:acme:kiosk;2.5", { created_by: "user:ann" })];

    expect(JSON.parse(nextVersion(versions)).models).toEqual([{ "@id": "dtmi:acme:kiosk;3", displayName: { zh: "亭" }, contents: [{ name: "a" }] }]);
    expect(JSON.parse(newType())["@type"]).toBe("Interface");
  });

  it("is offered to administrators alone", () => {
    expect([["admin"], ["analyst"], undefined].map(mayAddModels)).toEqual([true, false, false]);
  });
});

describe("a fault of a type in Chinese", () => {
  it("is the sentence, where it is known, or what its rule asks for and the sentence as it came", () => {
    expect(chineseOfFault("end the identifier with a version, e.g. ;1", "id-syntax")).toBe("编号须以版本结尾，如 ;1");
    expect(chineseOfFault("needs 'schema'", "member-required")).toBe("缺少必需的成员（needs 'schema'）");
    expect(chineseOfFault("something new", "no-such-rule")).toBe("something new");
  });
});
