/** What a reader has chosen. It outlives the page's loading anew. */
export interface State {
  hidden: string[];
  axis: "steps" | "seconds";
  log: boolean;
  follows: boolean;
  /** The part of the axis that is shown; null for all. */
  zoom: [number, number] | null;
  scroll: number;
}

const key = `rmsprop report ${location.pathname}`;

export const state: State = {
  ...{ hidden: [], axis: "steps", log: false, follows: true, zoom: null, scroll: 0 },
  ...saved(),
};

function saved(): Partial<State> {
  try {
    return JSON.parse(sessionStorage.getItem(key) ?? "{}");
  } catch {
    return {}; // a browser that keeps nothing for files
  }
}

export function save(): void {
  try {
    sessionStorage.setItem(key, JSON.stringify({ ...state, scroll: scrollY }));
  } catch {
    // as above
  }
}
