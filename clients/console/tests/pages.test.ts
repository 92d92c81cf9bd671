import { describe, expect, it } from "vitest";

import { chinese } from "../src/i18n/chinese";
import { english } from "../src/i18n/english";
import { wordsOf } from "../src/i18n/language";
import { chooseForms, type LabelSpot } from "../src/map/labelForms";
import { shares, unaccounted } from "../src/data/quality/balance";
import { amount, shortly, unitName } from "../src/shared/format";
import { routeOf } from "../src/shell/route";
import { isOver, sessionOf, sessionOfToken } from "../src/signin/session";

describe("the words", () => {
  it("exist in both languages, with the same places for values", () => {
    const places = (text: string) => [...text.matchAll(/\{\w+\}/g)].map((match) => match[0]).sort();

    for (const key of Object.keys(english) as (keyof typeof english)[]) {
      expect(chinese[key], key).not.toBe("");
      expect(places(chinese[key]), key).toEqual(places(english[key]));
    }
  });

  it("take the other language when the server gave only one", () => {
    expect(wordsOf("zh").pick("", "Bunting")).toBe("Bunting");
    expect(wordsOf("en").pick("彩旗", null)).toBe("彩旗");
    expect(wordsOf("en").known("state.unheard_of", "unheard_of")).toBe("unheard_of");
  });

  it("write units in words and years without separators", () => {
    expect(unitName("wan_case", "zh")).toBe("万箱");
    expect(unitName("furlong", "en")).toBe("furlong");
    expect(shortly(2014, "en")).toBe("2014");
    expect(shortly([0.2, 0.3, 0.5], "en")).toBe("0.2 · 0.3 · 0.5");
    expect(amount(1234567, "en")).toBe("1,234,567");
  });
});

describe("signing in", () => {
  const claims = btoa(unescape(encodeURIComponent(JSON.stringify({ sub: "u1", name: "王", roles: ["admin"], exp: 2000 }))));
  const jwt = `h.${claims.replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "")}.s`;

  it("reads the name and the end from a pasted token, with or without the word bearer", () => {
    for (const pasted of [jwt, `  Bearer ${jwt}\n`]) {
      const session = sessionOfToken(pasted);
      expect(session).toEqual({ token: jwt, user: { id: "u1", name: "王", roles: ["admin"] }, expiresAt: 2_000_000 });
    }
  });

  it("refuses what is no token", () => {
    for (const pasted of ["", "hello", "a.b", "a.!!.c", "a.bm90IGpzb24.c"]) expect(sessionOfToken(pasted)).toBeNull();
  });

  it("ends when the server said it would", () => {
    const user = { id: "u", name: "u", roles: [] };
    const session = sessionOf({ access_token: "t", token_type: "Bearer", expires_in: 60, user }, 1000);

    expect(isOver(session, 60_999)).toBe(false);
    expect(isOver(session, 61_000)).toBe(true);
  });

  it("reads the one-time code from the address", () => {
    const route = routeOf("#/signin?code=a%2Bb");

    expect(route.page).toBe("signin");
    expect(route.query.get("code")).toBe("a+b");
    expect(routeOf("").page).toBe("map");
    expect(routeOf("#/quality")).toMatchObject({ page: "data", tab: "quality" });
  });
});

describe("the balance of records", () => {
  const balance = { received: 100, stored: 90, duplicate: 4, quarantined: 3, rejected: 1, pending: 2 };

  it("is zero when every record is accounted for, and says how many are not", () => {
    expect(unaccounted(balance)).toBe(0);
    expect(unaccounted({ ...balance, stored: 88 })).toBe(2);
    expect(unaccounted({ ...balance, stored: 91 })).toBe(-1);
  });

  it("makes shares that never exceed the bar", () => {
    const total = (parts: { share: number }[]) => parts.reduce((sum, part) => sum + part.share, 0);

    expect(total(shares(balance))).toBeCloseTo(1);
    expect(total(shares({ ...balance, stored: 200 }))).toBeCloseTo(1);
    expect(total(shares({ received: 0, stored: 0, duplicate: 0, quarantined: 0, rejected: 0, pending: 0 }))).toBe(0);
  });
});

describe("labels on the map", () => {
  const spot = (changes: Partial<LabelSpot>): LabelSpot => ({
    x: 100, y: 100, roomX: 100, roomY: 60, long: 60, short: 16, isCovered: false, isCoveredBelow: false, ...changes,
  });

  it("show as much as their region has room for", () => {
    const forms = chooseForms([
      spot({}),
      spot({ x: 300, roomY: 20 }),
      spot({ x: 500, roomX: 20, roomY: 20 }),
      spot({ x: 700, roomX: 5, roomY: 5 }),
    ]);

    expect(forms).toEqual(["full", "long", "short", "none"]);
  });

  it("never overlap: the larger region is named, the smaller one gives way", () => {
    expect(chooseForms([spot({ roomX: 70 }), spot({ x: 110, roomX: 200 })])).toEqual(["none", "full"]);
  });

  it("are not shown where a taller column stands before them", () => {
    expect(chooseForms([spot({ isCovered: true })])).toEqual(["none"]);
    expect(chooseForms([spot({ isCoveredBelow: true })])).toEqual(["long"]);
  });
});
