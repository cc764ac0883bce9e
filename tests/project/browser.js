// The part of a browser's page that the scripts of the docs use, as the DOM standard has it.
"use strict";

class Element {
  constructor(tag, attributes, children) {
    this.tagName = tag.toUpperCase();
    this.attributes = attributes;
    this.parent = null;
    this.nodes = []; // texts are strings
    this.listeners = {};
    this.dataset = {};
    for (const [name, value] of Object.entries(attributes)) {
      if (name.startsWith("data-")) {
        this.dataset[name.slice(5).replace(/-(.)/g, (_, letter) => letter.toUpperCase())] = value;
      }
    }
    for (const child of children) {
      this.nodes.push(child);
      if (child instanceof Element) child.parent = this;
    }
    this.resetValue();
  }
  resetValue() {
    if (this.tagName === "INPUT" || this.tagName === "TEXTAREA") {
      this.chosen = this.attributes.value ?? "";
    }
    if (this.tagName === "SELECT") this.chosen = this.children[0]?.attributes.value ?? "";
  }
  get value() { return this.chosen; }
  set value(text) {
    const known = this.tagName !== "SELECT" || this.children.some((o) => o.attributes.value === text);
    this.chosen = known ? String(text) : "";
  }
  get id() { return this.attributes.id ?? ""; }
  get hidden() { return "hidden" in this.attributes; }
  set hidden(on) {
    if (on) this.attributes.hidden = "";
    else delete this.attributes.hidden;
  }
  get children() { return this.nodes.filter((node) => node instanceof Element); }
  get all() { return this.children.flatMap((child) => [child, ...child.all]); }
  get textContent() {
    return this.nodes.map((node) => (node instanceof Element ? node.textContent : node)).join("");
  }
  set textContent(text) { this.nodes = [String(text)]; }
  get elements() {
    const fields = this.all.filter((one) => /^(INPUT|SELECT|OUTPUT|BUTTON)$/.test(one.tagName));
    return { namedItem: (name) => fields.find((one) => one.attributes.name === name) ?? null };
  }
  querySelectorAll(selector) {
    const [, tag, name, attribute] = /^(\w*)(?:\.([\w-]+))?(?:\[([\w-]+)\])?$/.exec(selector);
    return this.all.filter((one) =>
      (!tag || one.tagName === tag.toUpperCase()) &&
      (!name || (one.attributes.class ?? "").split(/\s+/).includes(name)) &&
      (!attribute || attribute in one.attributes));
  }
  append(...added) {
    for (const one of added) {
      one.remove();
      one.parent = this;
      this.nodes.push(one);
      moves += 1;
    }
  }
  remove() {
    if (this.parent) this.parent.nodes = this.parent.nodes.filter((node) => node !== this);
    this.parent = null;
  }
  addEventListener(kind, listener) { (this.listeners[kind] ??= []).push(listener); }
  dispatch(kind) {
    const event = { type: kind, prevented: false, preventDefault() { this.prevented = true; } };
    for (let at = this; at; at = at.parent) for (const f of at.listeners[kind] ?? []) f(event);
    return !event.prevented;
  }
  reset() { // the event comes first, and the fields are emptied after it
    if (this.dispatch("reset")) for (const one of this.all) one.resetValue();
  }
  select() { selected = this.value; }
  focus() { focused = this; }
}

let selected = null, focused = null, moves = 0, copied = [], clipboardWorks = true, timers = [];
const make = ([tag, attributes, children]) =>
  new Element(tag, attributes, children.map((one) => (typeof one === "string" ? one : make(one))));
const document = {
  body: null,
  getElementById: (id) => document.body.all.find((one) => one.id === id) ?? null,
  createElement: (tag) => new Element(tag, {}, []),
  execCommand(command) { if (command === "copy") copied.push(selected); },
};
const navigator = {
  clipboard: {
    async writeText(text) {
      if (!clipboardWorks) throw new Error("NotAllowedError");
      copied.push(text);
    },
  },
};
const setTimeout = (callback) => { timers.push(callback); };
const tick = () => { for (const callback of timers.splice(0)) callback(); };

// What a test asks.
const field = (name) => document.getElementById("catalogue-form").elements.namedItem(name);
const fill = (name, value) => { field(name).value = value; field(name).dispatch("input"); };
const entries = () => document.getElementById("catalogue").querySelectorAll(".catalogue-model");
const shown = () => entries().filter((one) => !one.hidden).map((one) => one.dataset.name);
const copyButton = (text) => document.body.all.find((one) => one.dataset.copy === text);
