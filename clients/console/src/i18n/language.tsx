import { createContext, useCallback, useContext, useEffect, useMemo, useState, type ReactNode } from "react";

import { chinese } from "./chinese";
import { english, type TextKey } from "./english";

export type Language = "zh" | "en";

export interface Words {
  language: Language;
  setLanguage: (language: Language) => void;
  /** The text of a key, with {name} replaced by values, and {name:one|other} by the word that goes with a number. */
  t: (key: TextKey, values?: Record<string, string | number>) => string;
  /** The text of a key made at run time (a state, an input), or the fallback when there is none. */
  known: (key: string, fallback: string) => string;
  /** Chooses between two texts that came from the server; the other one when the wanted one is empty. */
  pick: (zh: string | null | undefined, en: string | null | undefined) => string;
}

const storageKey = "marketwin.language";
const dictionaries: Record<Language, Record<TextKey, string>> = { zh: chinese, en: english };
const Context = createContext<Words | null>(null);

export function LanguageProvider({ children }: { children: ReactNode }) {
  const [language, choose] = useState<Language>(firstLanguage);
  const setLanguage = useCallback((chosen: Language) => {
    localStorage.setItem(storageKey, chosen);
    choose(chosen);
  }, []);
  useEffect(() => {
    document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
  }, [language]);
  const words = useMemo(() => ({ ...wordsOf(language), setLanguage }), [language, setLanguage]);
  return <Context value={words}>{children}</Context>;
}

export function useWords(): Words {
  const words = useContext(Context);
  if (!words) throw new Error("useWords needs a LanguageProvider above it");
  return words;
}

const placeholder = /\{(\w+)(?::([^{}|]*)\|([^{}|]*))?\}/g;

/** Words of a language, without the switch. */
export function wordsOf(language: Language): Omit<Words, "setLanguage"> {
  const texts = dictionaries[language];
  return {
    language,
    t: (key, values = {}) =>
      texts[key].replace(placeholder, (whole, name: string, one?: string, other?: string) => {
        if (!(name in values)) return whole;
        const value = String(values[name]);
        return one === undefined ? value : value === "1" ? one : (other ?? "");
      }),
    known: (key, fallback) => (key in texts ? texts[key as TextKey] : fallback),
    pick: (zh, en) => (language === "zh" ? zh || en : en || zh) || "",
  };
}

function firstLanguage(): Language {
  const chosen = localStorage.getItem(storageKey);
  if (chosen === "zh" || chosen === "en") return chosen;
  return navigator.language.toLowerCase().startsWith("zh") ? "zh" : "en";
}
