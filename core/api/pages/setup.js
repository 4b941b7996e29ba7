// What the pages that the program carries itself do: create the first administrator, sign in, sign out.
"use strict";

const texts = JSON.parse(document.getElementById("texts").textContent);
const panel = (name) => document.querySelector(`[data-panel="${name}"]`);

// The one-time token stands behind the #, so that no server and no log ever sees it in an address.
const token = location.hash.slice(1);

function show(name) {
  for (const p of document.querySelectorAll("[data-panel]")) p.hidden = p.dataset.panel !== name;
}

// The server's own sentence is the more exact one, and English.
function sentence(problem) {
  if (texts.language === "en" && problem.detail) return problem.detail;
  return texts[`${problem.code}:${problem.field}`] || texts[problem.code] || problem.detail || texts.failed;
}

function mark(input, text) {
  const error = document.getElementById(`${input.id}-error`);
  error.textContent = text;
  error.hidden = text === "";
  if (text === "") input.removeAttribute("aria-invalid");
  else input.setAttribute("aria-invalid", "true");
}

function fault(input) {
  const v = input.validity;
  if (input.required && input.value.trim() === "") return texts.required;
  if (v.typeMismatch) return texts["bad-email"];
  if (input.minLength > 0 && [...input.value].length < input.minLength) return texts["short-password"];
  return "";
}

function check(form) {
  let first = null;
  for (const input of form.querySelectorAll("input")) {
    const text = fault(input);
    mark(input, text);
    if (text !== "" && first === null) first = input;
  }
  if (first !== null) first.focus();
  return first === null;
}

function complain(form, problem) {
  const input = problem.field ? form.querySelector(`input[name="${problem.field}"]`) : null;
  if (input !== null) {
    mark(input, sentence(problem));
    input.focus();
    return;
  }
  const alert = form.querySelector(".alert");
  alert.textContent = sentence(problem);
  if (problem.code === "gone") {
    const link = document.createElement("a");
    link.href = "/app/";
    link.textContent = texts["sign-in"];
    alert.append(" ", link);
  }
  alert.hidden = false;
}

// ask returns what the server answered: {ok, body}.
async function ask(method, path, body) {
  let answer;
  try {
    answer = await fetch(path, {
      method, credentials: "same-origin", headers: { "Content-Type": "application/json" },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch {
    return { ok: false, body: { code: "offline", detail: texts.offline } };
  }
  try {
    return { ok: answer.ok, body: answer.status === 204 ? {} : await answer.json() };
  } catch {
    return { ok: false, body: { code: "failed", detail: texts.failed } };
  }
}

const acts = {
  setup: {
    call: (values) => ask("POST", "/api/v1/setup", { token, ...values }),
    done: (me) => {
      history.replaceState(null, "", location.pathname);
      panel("done").querySelector("[data-who]").textContent = `${me.name || me.email}.`;
      show("done");
      panel("done").querySelector("h1").focus();
    },
  },
  "sign-in": { call: (values) => ask("POST", "/api/v1/sign-in", values), done: () => location.reload() },
  "sign-out": { call: () => ask("DELETE", "/api/v1/sign-in"), done: () => location.reload() },
};

for (const form of document.querySelectorAll("form[data-form]")) {
  const act = acts[form.dataset.form];
  form.hidden = false;
  form.addEventListener("input", (event) => {
    if (event.target.getAttribute("aria-invalid") === "true") mark(event.target, fault(event.target));
  });
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (form.getAttribute("aria-busy") === "true") return;
    form.querySelector(".alert").hidden = true;
    if (!check(form)) return;
    form.setAttribute("aria-busy", "true");
    const answer = await act.call(Object.fromEntries(new FormData(form)));
    form.removeAttribute("aria-busy");
    if (answer.ok) act.done(answer.body);
    else complain(form, answer.body);
  });
}

for (const button of document.querySelectorAll("[data-show]")) {
  button.addEventListener("click", () => {
    const input = document.getElementById(button.dataset.show);
    const shown = input.type === "password";
    input.type = shown ? "text" : "password";
    button.setAttribute("aria-pressed", String(shown));
  });
}

if (panel("form") !== null) show(token === "" ? "no-token" : "form");
window.addEventListener("hashchange", () => location.reload());
