import { useCallback } from "react";

import type { TwinPart, WholeTwin } from "../../api/twinTypes";
import { groupBy } from "../../shared/group";
import { useRemote } from "../../shared/useRemote";
import { useSession } from "../../signin/SessionProvider";
import { incomingNames } from "../models";
import { useModels } from "../useModels";
import { around, countOf, into } from "../walk";

const mostShown = 8;

/** Who points at a twin by one relation: the first few, and how many there are. */
export interface Incoming {
  name: string;
  items: TwinPart[];
  total: number;
  query: string;
}

export interface Neighbours {
  /** What the targets of its own relations are called; those that are not there have no model. */
  targets: Map<string, TwinPart>;
  incoming: Incoming[];
}

/** The neighbours of a twin in both directions; asked for again when its relations change, not with each change. */
export function useAround(twin: WholeTwin | null) {
  const { api } = useSession();
  const { models } = useModels();
  const text = twin && JSON.stringify({ id: twin.id, model: twin.model, relations: twin.relations });
  const load = useCallback(
    async (signal: AbortSignal): Promise<Neighbours | null> => {
      if (!text) return null;
      const centre = JSON.parse(text) as WholeTwin;
      const { parts, edges, isCut } = await around(api, centre, 1, signal);
      const arriving = groupBy(edges.filter(({ target }) => target === centre.id), ({ name }) => name);
      const names = isCut ? incomingNames(models, models.get(centre.model)) : [...arriving.keys()].sort();
      const incoming = names.map(async (name): Promise<Incoming> => {
        const sources = (arriving.get(name) ?? []).map(({ source }) => source);
        const query = into(name, centre.id);
        const total = isCut ? await countOf(api, query, signal) : sources.length;
        return { name, items: sources.slice(0, mostShown).map((id) => parts.get(id) ?? { id }), total, query };
      });
      return { targets: parts, incoming: (await Promise.all(incoming)).filter(({ total }) => total > 0) };
    },
    [api, models, text],
  );
  return useRemote(load);
}
