// Asking the archive. The browser keeps each answer with its ETag, so asking again for what has
// not changed costs a 304.

const KEY = "fbsyncd-token";

export class TokenNeeded extends Error {}

export const hasToken = () => sessionStorage.getItem(KEY) !== null;
export const keepToken = (token) => sessionStorage.setItem(KEY, token);

export async function ask(path) {
  const token = sessionStorage.getItem(KEY);
  const headers = token ? { Authorization: `Bearer ${token}` } : {};
  const signal = AbortSignal.timeout(15_000);
  const answer = await fetch(path, { headers, signal, cache: "no-cache" });
  if (answer.status === 401) throw new TokenNeeded();
  if (answer.status === 404) return null;
  if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
  return answer.json();
}
