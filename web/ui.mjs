// The page of `towtank ui`: its engine is behind the server that it came from.
import { served } from "./engine.mjs";
import { start } from "./main.mjs";

start(served());
