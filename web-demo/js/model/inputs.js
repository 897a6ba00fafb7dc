// The inputs of a model, and what a visitor gives them.

import { element, fillSelect } from "../dom.js";
import { canvasOf } from "./canvas.js";
import { recipesOf } from "./recipes.js";

const DIGITS = [..."7014"];
const FIRST_TEXT = "A gripping, beautiful film with not one dull moment.";

/** One input: its fields, and what they say. */
export class InputField {
    /** A file of the visitor's, or a sample of ours. */
    file = null;
    #fit;
    #recipe;
    #recipes = [];
    #words;
    #note = element("p", { className: "note" });

    constructor(input, index, maxLength, changed) {
        this.input = input;
        this.changed = changed;
        const { name, text, type } = input;
        this.node = element("fieldset", { className: "input" }, element("legend", { textContent: name || `input ${index}` }));
        this.#note.id = `model-given-${index}`;
        if (text) this.#addWords(`A text, of at most ${maxLength} words`, FIRST_TEXT);
        else if (type === "token") this.#addWords(`Tokens: at most ${maxLength} whole numbers, apart by spaces`, "1 2 3");
        else this.#addFile();
        this.node.append(this.#note);
    }

    /** What the worker makes values of. */
    get source() {
        const recipe = this.#recipes.find(([name]) => name === this.#recipe?.value)?.[2];
        return { file: this.file, recipe, fit: this.#fit?.value };
    }

    /** Of a text or of tokens: what the field says. */
    get words() {
        return this.#words?.value;
    }

    /** Whether the field wants words, not a file. */
    get takesWords() {
        return this.#words !== undefined;
    }

    say(note) {
        this.#note.textContent = note;
    }

    /** Takes a file that was dropped, chosen, or is a sample. */
    take(file) {
        this.file = file;
        this.changed();
    }

    #addWords(label, value) {
        const isText = this.input.text;
        this.#words = element(isText ? "textarea" : "input", { value, spellcheck: false, rows: 3 });
        this.#words.addEventListener("input", this.changed);
        this.node.append(element("label", { className: "field", textContent: label }, this.#words));
    }

    #addFile() {
        const canvas = canvasOf(this.input);
        const takesPicture = canvas?.takesPicture;
        const accept = takesPicture ? "image/*,.npy" : ".npy";
        const chooser = element("input", { type: "file", accept, "aria-describedby": this.#note.id });
        chooser.addEventListener("change", () => {
            const [file] = chooser.files;
            if (file) this.take(file);
            // The note names the file, wherever it came from.
            chooser.value = "";
        });
        const label = takesPicture ? "A picture, or a .npy array" : "A .npy array";
        this.node.append(element("label", { className: "field", textContent: label }, chooser));
        if (!takesPicture) return;
        this.#recipes = recipesOf(this.input);
        this.#recipe = this.#select("A pixel becomes", this.#recipes);
        this.#fit = this.#select("A picture of other proportions is", [["crop", "cut to its middle"], ["stretch", "stretched"]]);
        this.node.append(element("div", { className: "fields" }, this.#recipe.parentNode, this.#fit.parentNode));
        if (canvas.width === 28 && canvas.height === 28 && canvas.channels === 1) this.#addDigits();
    }

    #select(label, options) {
        const select = element("select");
        fillSelect(select, options);
        select.addEventListener("change", this.changed);
        element("label", { textContent: label }, select);
        return select;
    }

    /** It has the size of our sample digits: one of them is there until something else is given. */
    #addDigits() {
        const digits = DIGITS.map((digit) => {
            const address = new URL(`../../samples/${digit}.png`, import.meta.url);
            const image = element("img", { src: address.href, alt: "", width: 28, height: 28 });
            const button = element("button", { type: "button", className: "sample", "aria-label": `Sample ${digit}` }, image);
            const take = async () => this.take(new File([await (await fetch(address)).blob()], `${digit}.png (ours)`));
            button.addEventListener("click", take);
            return { button, take };
        });
        const group = element("div", { className: "samples", role: "group", "aria-label": "Sample digits" });
        group.append(...digits.map(({ button }) => button));
        this.node.append(group);
        this.sample = digits[0].take;
    }
}
