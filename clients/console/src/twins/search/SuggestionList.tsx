import { useEffect, useRef } from "react";

import { useWords } from "../../i18n/language";
import type { Suggestion } from "../completion";

interface Props {
  id: string;
  items: Suggestion[];
  at: number;
  onPick: (item: Suggestion) => void;
}

export function SuggestionList({ id, items, at, onPick }: Props) {
  const { t } = useWords();
  const list = useRef<HTMLUListElement>(null);
  useEffect(() => {
    list.current?.children[at]?.scrollIntoView({ block: "nearest" });
  }, [at, items]);
  return (
    <div className="suggestions" data-testid="suggestions">
      <ul id={id} ref={list} role="listbox" aria-label={t("twins.suggestions")}>
        {items.map((item, index) => (
          <li
            key={`${index}/${item.title}`}
            id={`${id}-${index}`}
            role="option"
            aria-selected={index === at}
            // Before the text area loses the focus, which would close the list.
            onMouseDown={(event) => {
              event.preventDefault();
              onPick(item);
            }}
            data-testid="suggestion"
          >
            <code>{item.title}</code>
            <span>{item.note}</span>
          </li>
        ))}
      </ul>
      <p className="fine muted">{t("twins.suggestions.keys")}</p>
    </div>
  );
}
