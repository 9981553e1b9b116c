// The story, act by act: what is done, what an onlooker sees and why it matters, and what the operator is held to.
// Played by demo.ts on either stage.
import { autoscalerActs } from './autoscaler-acts.ts'
import { hostActs } from './host-acts.ts'
import { loneActs } from './lone-acts.ts'
import { poolActs } from './pool-acts.ts'

export { lastAct } from './pool-acts.ts'
export const story = [...loneActs, ...poolActs, ...autoscalerActs, ...hostActs]
