// Logging in at a collector that speaks TLS: a token becomes a cookie that no script can read.

import { make } from "./dom.js";

/** Whether a collector that is asked here knows who asks. */
export const hasLogin = location.protocol === "https:";

/**
 * A form that takes a token.
 * @param {() => void} then what comes when the collector has taken it
 */
export function loginForm(then) {
  const token = make("input", { type: "password", id: "token", autocomplete: "current-password", required: true });
  const problem = make("p", { class: "problem", role: "alert" });
  const form = make("form", {
    class: "login",
    onsubmit: (/** @type {Event} */ event) => {
      event.preventDefault();
      send("/v1/login", token.value).then(then, (error) => {
        problem.textContent = String(error.message ?? error);
        token.select();
      });
    },
  }, make("label", { for: "token" }, "Token"), token, make("button", { type: "submit" }, "Log in"), problem,
  make("p", { class: "muted" }, "Whoever looks after the collector makes one: ",
    make("code", {}, "lightcone token create NAME --scope read --data DIR")));
  requestAnimationFrame(() => token.focus());
  return form;
}

/** Forgets the token, and begins anew. */
export function logOut() {
  send("/v1/logout", "").finally(() => location.reload());
}

/**
 * @param {string} address
 * @param {string} body
 */
async function send(address, body) {
  const response = await fetch(address, { method: "POST", body, headers: { "content-type": "text/plain" } });
  if (response.ok) return;
  const problem = await response.json().catch(() => ({}));
  throw new Error(String(problem.detail ?? `the collector answered ${response.status}`));
}
