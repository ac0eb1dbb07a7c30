// Where the page begins.

import { Page } from "./page.js";

const page = new Page();
// For whoever looks into the page: tests, and people at the browser's console.
Object.assign(globalThis, { lightcone: page });
page.start();
