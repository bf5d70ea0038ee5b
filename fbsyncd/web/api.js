// Asking the archive. The browser keeps each answer with its ETag, so asking again for what has
// not changed costs a 304.

const KEY = "fbsyncd-token";

export class TokenNeeded extends Error {}

export const hasToken = () => sessionStorage.getItem(KEY) !== null;
export const keepToken = (token) => sessionStorage.setItem(KEY, token);

export async function ask(path) {
  const answer = await reach(path, { cache: "no-cache" });
  if (answer.status === 404) return null;
  if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
  return answer.json();
}

// Have something done. Throws an error with the archive's own words when it refuses.
export async function order(path) {
  const answer = await reach(path, { method: "POST" });
  if (answer.ok) return;
  const told = await answer.json().catch(() => null);
  throw new Error(told?.error?.message ?? String(answer.status));
}

async function reach(path, options) {
  const token = sessionStorage.getItem(KEY);
  const headers = token ? { Authorization: `Bearer ${token}` } : {};
  const signal = AbortSignal.timeout(15_000);
  const answer = await fetch(path, { ...options, headers, signal });
  if (answer.status === 401) throw new TokenNeeded();
  return answer;
}
