import type { Site } from './site.ts';
export function memory(_site: Site): string { return ''; }
