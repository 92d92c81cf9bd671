import { useEffect, useId, useLayoutEffect, useMemo, useRef, useState, type KeyboardEvent } from "react";

import type { Problem } from "../../api/problem";
import { chineseOfQuery } from "../../i18n/chineseQueries";
import { useWords } from "../../i18n/language";
import { suggestions, type Suggestion } from "../completion";
import { namingOf } from "../naming";
import { placeOf, tokens } from "../rql";
import { useModels } from "../useModels";
import { SuggestionList } from "./SuggestionList";

interface Props {
  text: string;
  model: string;
  problem: Problem | null;
  isChecking: boolean;
  onText: (text: string) => void;
  /** Search at once rather than when typing pauses. */
  onSearch: () => void;
}

/** The query, coloured as it is read, with what may come next below and the server's objection under its character. */
export function QueryBox({ text, model, problem, isChecking, onText, onSearch }: Props) {
  const { t, language } = useWords();
  const id = useId();
  const area = useRef<HTMLTextAreaElement>(null);
  const fault = placeOf(problem, "filter", text);
  const list = useSuggestions(text, model, area, onText);
  useSlashKey(area);

  function press(event: KeyboardEvent<HTMLTextAreaElement>) {
    if (list.press(event)) return event.preventDefault();
    if (event.key !== "Enter" || event.nativeEvent.isComposing) return;
    event.preventDefault();
    list.close();
    onSearch();
  }
  return (
    <div className={`query ${fault ? "wrong" : ""}`}>
      <label htmlFor={id} className="visually-hidden">
        {t("twins.query")}
      </label>
      <div className="query-field">
        <Coloured text={text} fault={fault?.at ?? null} />
        <textarea
          id={id}
          ref={area}
          rows={1}
          value={text}
          spellCheck={false}
          autoCapitalize="off"
          autoComplete="off"
          placeholder={t("twins.query.hint")}
          role="combobox"
          aria-expanded={list.isOpen}
          aria-controls={`${id}-list`}
          aria-autocomplete="list"
          aria-activedescendant={list.isOpen ? `${id}-list-${list.at}` : undefined}
          aria-invalid={fault !== null}
          aria-describedby={fault ? `${id}-fault` : undefined}
          onChange={(event) => list.typed(event.target.value)}
          onKeyDown={press}
          onClick={list.close}
          onBlur={list.close}
          data-testid="query"
        />
        {isChecking && <span className="spinner small" aria-hidden="true" />}
      </div>
      {list.isOpen && <SuggestionList id={`${id}-list`} items={list.items} at={list.at} onPick={list.pick} />}
      {fault && (
        <p id={`${id}-fault`} className="query-fault bad-text" role="alert" data-testid="query-fault" data-at={fault.at}>
          {t("twins.query.fault", { place: [...text.slice(0, fault.at)].length + 1 })} {language === "zh" ? chineseOfQuery(fault.message) : fault.message}
        </p>
      )}
    </div>
  );
}

/** The same text under the one that is typed: a text area has no colours of its own. */
function Coloured({ text, fault }: { text: string; fault: number | null }) {
  const parts = useMemo(() => cut(text, fault), [text, fault]);
  return (
    <pre className="query-colours" aria-hidden="true">
      {parts.map(({ kind, from, to, isWrong }) => (
        <span key={from} className={`rql-${kind} ${isWrong ? "rql-fault" : ""}`} data-testid={isWrong ? "query-marker" : undefined}>
          {text.slice(from, to) || " "}
        </span>
      ))}
      {"\n"}
    </pre>
  );
}

interface Piece {
  kind: string;
  from: number;
  to: number;
  isWrong: boolean;
}

/** Tokens, with the one cut apart in which the fault begins; a fault behind the end has a place of its own. */
function cut(text: string, fault: number | null): Piece[] {
  const pieces = tokens(text).flatMap(({ kind, from, to }): Piece[] => {
    if (fault === null || fault < from || fault >= to) return [{ kind, from, to, isWrong: false }];
    const before = { kind, from, to: fault, isWrong: false };
    const wrong = { kind, from: fault, to, isWrong: true };
    return fault > from ? [before, wrong] : [wrong];
  });
  if (fault !== null && fault >= text.length) pieces.push({ kind: "space", from: text.length, to: text.length, isWrong: true });
  return pieces;
}

/** What may come next: opens while typing or on Ctrl+Space; arrows choose, Tab or Enter take, Escape closes. */
function useSuggestions(
  text: string,
  model: string,
  area: React.RefObject<HTMLTextAreaElement | null>,
  onText: (text: string) => void,
) {
  const words = useWords();
  const { models, names } = useModels();
  const [caret, setCaret] = useState<number | null>(null);
  const [at, setAt] = useState(0);
  const [hasChosen, setChosen] = useState(false);
  const naming = useMemo(() => namingOf(words, names), [words, names]);
  const items = useMemo(
    () => (caret === null ? [] : suggestions(text, caret, models, model, naming)),
    [text, caret, models, model, naming],
  );
  const isOpen = items.length > 0;
  const wanted = useRef<number | null>(null);
  // Not an ordinary effect: one that waits from before would take the place for the text that is still there.
  useLayoutEffect(() => {
    if (wanted.current === null) return;
    area.current?.setSelectionRange(wanted.current, wanted.current);
    wanted.current = null;
  });

  function open(position: number | null) {
    setCaret(position);
    setAt(0);
    setChosen(false);
  }
  function pick({ insert, from, to, caret: after }: Suggestion) {
    const next = text.slice(0, from) + insert + text.slice(to);
    wanted.current = from + after;
    onText(next);
    open(/[(,]$/.test(insert.slice(0, after)) ? from + after : null);
    area.current?.focus();
  }
  function press(event: KeyboardEvent): boolean {
    if (event.nativeEvent.isComposing) return false;
    if (event.ctrlKey && event.key === " ") {
      open(area.current?.selectionStart ?? text.length);
      return true;
    }
    if (!isOpen) return false;
    if (event.key === "Escape") open(null);
    else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      // The first press chooses the first (or the last) one: until then Enter searches.
      const step = event.key === "ArrowUp" ? items.length - 1 : hasChosen ? 1 : 0;
      setAt((at + step) % items.length);
      setChosen(true);
    } else if (event.key === "Tab" && !event.shiftKey) pick(items[at]!);
    else if (event.key === "Enter" && hasChosen) pick(items[at]!);
    else return false;
    return true;
  }
  return {
    items,
    at,
    isOpen,
    pick,
    press,
    close: () => open(null),
    typed: (typed: string) => {
      onText(typed);
      open(area.current?.selectionStart ?? typed.length);
    },
  };
}

/** The slash key leads to the query from anywhere on the page that is not an entry. */
function useSlashKey(area: React.RefObject<HTMLTextAreaElement | null>): void {
  useEffect(() => {
    function press(event: globalThis.KeyboardEvent) {
      const target = event.target as HTMLElement;
      if (event.key !== "/" || target.closest("input, textarea, select, [contenteditable]")) return;
      event.preventDefault();
      area.current?.focus();
    }
    document.addEventListener("keydown", press);
    return () => document.removeEventListener("keydown", press);
  }, [area]);
}
