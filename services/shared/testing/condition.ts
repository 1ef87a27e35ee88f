/** Waits until `condition` holds, looking every 20 ms; throws after `deadlineMilliseconds`. */
export const eventually = async (
  condition: () => boolean | Promise<boolean>,
  deadlineMilliseconds = 10_000,
): Promise<void> => {
  const deadline = Date.now() + deadlineMilliseconds;
  while (!(await condition())) {
    if (Date.now() > deadline) {
      throw new Error(`Not so after ${deadlineMilliseconds} ms: ${condition}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
};
