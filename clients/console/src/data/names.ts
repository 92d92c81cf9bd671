import { useMemo } from "react";

import { docTexts, formTexts } from "../i18n/chineseDocs";
import { fieldNames, kindNames } from "../i18n/chineseNames";
import { messageTexts, ruleTexts } from "../i18n/chineseRules";
import { textNames } from "../i18n/chineseTwins";
import { useWords, type Language } from "../i18n/language";

/** What the server calls in English only, in the words of the reader. */
export interface Names {
  kind: (name: string) => string;
  field: (name: string) => string;
  /** What a field means; the server's own sentence where there is no other. */
  doc: (text: string) => string;
  /** A value that is chosen from a list, with its code. */
  choice: (field: string, value: string) => string;
  /** What a rule checks; the server's own sentence where there is no other. */
  rule: (id: string, doc?: string) => string;
  /** Why a rule fired. */
  message: (text: string) => string;
}

export function namesOf(language: Language): Names {
  const chosen = (names: Record<string, string>, name: string) => (language === "zh" ? names[name] : undefined);
  return {
    kind: (name) => chosen(kindNames, name) ?? humanised(name),
    field: (name) => chosen(fieldNames, name) ?? humanised(name),
    doc: (text) => (language === "zh" ? documented(text) : text),
    choice: (field, value) => {
      const called = chosen(textNames[field] ?? {}, value);
      return called ? `${called} (${value})` : value;
    },
    rule: (id, doc = "") => chosen(ruleTexts, id) ?? doc,
    message: (text) => (language === "zh" ? translated(text) : text),
  };
}

function translated(message: string): string {
  const found = messageTexts.find(([english]) => english.test(message));
  return found ? message.replace(found[0], found[1]) : message;
}

function documented(text: string): string {
  const form = Object.keys(formTexts).find((each) => text.endsWith(each)) ?? "";
  const doc = text.slice(0, text.length - form.length).trim();
  return [docTexts[doc] ?? doc, formTexts[form] ?? ""].filter(Boolean).join("；");
}

export function useNames(): Names {
  const { language } = useWords();
  return useMemo(() => namesOf(language), [language]);
}

const capitals = new Set(["sku", "pos", "id", "vat", "agv", "wms", "oms", "mes", "scada", "usl", "lsl", "uri"]);

const spelt: Record<string, string> = { qty: "quantity", no: "number", wh: "warehouse", org: "organisation", pct: "%" };

/** qty_order_base as Quantity order: the words of a name, without the unit that stands beside the value. */
function humanised(name: string): string {
  const words = name
    .replace(/_base$/, "")
    .split("_")
    .map((word) => (capitals.has(word) ? word.toUpperCase() : (spelt[word] ?? word)));
  const text = words.join(" ");
  return text.charAt(0).toUpperCase() + text.slice(1);
}
