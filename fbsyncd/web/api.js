// Asking the archive. The browser keeps each answer with its ETag, so asking again for what has
// not changed costs a 304.

const KEY = "fbsyncd-token";

export class TokenNeeded extends Error {}

export const hasToken = () => sessionStorage.getItem(KEY) !== null;
export const keepToken = (token) => sessionStorage.setItem(KEY, token);

export async function ask(path) {
  const answer = await reach(path, { cache: "no-cache" });
  if (answer.status === 404) return null;
  if (!answer.ok) throw await refusal(answer);
  return answer.json();
}

// Have something done. Throws an error with the archive's own words when it refuses.
export async function order(path) {
  const answer = await reach(path, { method: "POST" });
  if (!answer.ok) throw await refusal(answer);
}

// What was asked cannot be answered, however often it is asked again.
export class Refused extends Error {}

async function refusal(answer) {
  const told = await answer.json().catch(() => null);
  const words = told?.error?.message ?? String(answer.status);
  return answer.status < 500 ? new Refused(words) : new Error(words);
}

async function reach(path, options) {
  const token = sessionStorage.getItem(KEY);
  // A header takes no other letters: such a token is wrong before anybody is asked.
  if (token && /[^\x20-\x7e]/.test(token)) throw new TokenNeeded();
  const headers = token ? { Authorization: `Bearer ${token}` } : {};
  const signal = AbortSignal.timeout(15_000);
  const answer = await fetch(path, { ...options, headers, signal });
  if (answer.status === 401) throw new TokenNeeded();
  return answer;
}
