// npm run image: builds the images of the project and says where they are.
import { ensureImages } from './image/project-images.ts';
import { createProgress } from './machine/progress.ts';

const { archives } = await ensureImages(createProgress());
for (const archive of archives) process.stdout.write(`  ${archive}\n`);
