/**
 * The one door to the schema library (zod). Every plug-in states its configuration with it, so that validation, error
 * text, `cpra schema` and `cpra kinds` come from the same statement.
 */
import { z } from "zod";
export { z };
export type Schema<T> = z.ZodType<T>;
