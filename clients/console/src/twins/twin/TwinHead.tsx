import { useState } from "react";

import type { WholeTwin } from "../../api/twinTypes";
import { useWords } from "../../i18n/language";
import { ago, count, moment } from "../../shared/format";
import { modelAddress, searchAddress } from "../../shell/route";
import type { Model } from "../models";
import { shortId, titleOf } from "../naming";
import { useModels } from "../useModels";

interface Props {
  twin: WholeTwin;
  model: Model | undefined;
  now: number;
}

export function TwinHead({ twin, model, now }: Props) {
  const { t, language } = useWords();
  const { names } = useModels();
  return (
    <header className="twin-head">
      <div>
        <p className="fine">
          <a href={model ? modelAddress(twin.model) : searchAddress({ model: twin.model })} className={`model-tag model-${twin.model}`}>
            {names.model(twin.model)}
          </a>
        </p>
        <h1 data-testid="twin-title">{titleOf(twin, language) || shortId(twin.id)}</h1>
        <p className="twin-id">
          <code data-testid="twin-id">{twin.id}</code> <CopyButton text={twin.id} />
        </p>
      </div>
      <dl className="figures">
        <div>
          <dt>{t("twins.revision")}</dt>
          <dd data-testid="twin-revision">{count(twin.revision, language)}</dd>
        </div>
        <div>
          <dt>{t("twins.changed")}</dt>
          <dd title={t("twins.times", { at: moment(twin.changed_at, language), known: moment(twin.known_at, language) })}>{ago(twin.changed_at, now, language)}</dd>
        </div>
        <div>
          <dt>{t("twins.source")}</dt>
          <dd className="source-name">{twin.source}</dd>
        </div>
      </dl>
    </header>
  );
}

const toldMs = 1500;

function CopyButton({ text }: { text: string }) {
  const { t } = useWords();
  const [isCopied, setCopied] = useState(false);
  async function copy() {
    // Only pages of secure origins may write the clipboard; a console on a plain LAN address selects the text instead.
    if (navigator.clipboard) await navigator.clipboard.writeText(text);
    else select();
    setCopied(true);
    setTimeout(() => setCopied(false), toldMs);
  }
  return (
    <button type="button" className="button small quiet" onClick={() => void copy()} aria-label={t("twins.copy")} title={t("twins.copy")} data-testid="copy-id">
      {t(isCopied ? "twins.copied" : "twins.copy.short")}
    </button>
  );
}

function select(): void {
  const code = document.querySelector(".twin-id code");
  if (code) window.getSelection()?.selectAllChildren(code);
}
