from inngest.sdk.steps.ai_adapters import BaseAdapter as BaseAdapter
